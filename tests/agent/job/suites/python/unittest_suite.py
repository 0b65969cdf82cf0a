import unittest


class Prices(unittest.TestCase):
    def test_adds(self) -> None:
        self.assertEqual(1 + 1, 2)

    def test_fails(self) -> None:
        self.fail("]]> \x1b[31m <&")

    def test_breaks(self) -> None:
        raise RuntimeError("boom")

    @unittest.skip("not here")
    def test_skipped(self) -> None: ...

    @unittest.expectedFailure
    def test_known(self) -> None:
        self.fail("known")

    def test_parts(self) -> None:
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)
