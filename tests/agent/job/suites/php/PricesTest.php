<?php
use PHPUnit\Framework\TestCase;

final class PricesTest extends TestCase
{
    public function testAdds(): void { $this->assertSame(2, 1 + 1); }
    public function testFails(): void { $this->assertSame("\x1b[31m", "]]> <&"); }
    public function testBreaks(): void { throw new RuntimeException("boom \0"); }
    public function testSkipped(): void { $this->markTestSkipped("not here"); }
    /** @dataProvider numbers */
    public function testIsSmall(int $n): void { $this->assertLessThan(2, $n); }
    public static function numbers(): array { return ["one" => [1], "two" => [2]]; }
}
