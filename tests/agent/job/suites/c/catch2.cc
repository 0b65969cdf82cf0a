#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <stdexcept>

TEST_CASE("adds") { CHECK(1 + 1 == 2); }
TEST_CASE("fails twice ]]> <&") { CHECK(1 == 2); CHECK(3 == 4); }
TEST_CASE("throws") { throw std::runtime_error("boom"); }
TEST_CASE("known", "[!shouldfail]") { CHECK(1 == 2); }
