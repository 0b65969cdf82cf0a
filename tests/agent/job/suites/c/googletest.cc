#include <gtest/gtest.h>

TEST(Prices, Adds) { EXPECT_EQ(1 + 1, 2); }
TEST(Prices, FailsTwice) { EXPECT_EQ(1, 2) << "\x1b[31m ]]> <&"; EXPECT_EQ(3, 4); }
TEST(Prices, Skipped) { GTEST_SKIP() << "not here"; }
TEST(Prices, DISABLED_Later) { FAIL(); }
TEST(Prices, Throws) { throw 1; }
class Each : public ::testing::TestWithParam<int> {};
TEST_P(Each, IsSmall) { EXPECT_LT(GetParam(), 2); }
INSTANTIATE_TEST_SUITE_P(Numbers, Each, ::testing::Values(1, 2));
