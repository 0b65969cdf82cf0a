import test, { describe, it } from "node:test";
import assert from "node:assert";

test("adds", () => assert.equal(1 + 1, 2));
test("fails in colour \u001b[31m", () => assert.equal("\u001b[31mred", "\u0000"));
test("later", { skip: "not here" }, () => {});
test("planned", { todo: true }, () => {});
describe("parts", () => {
  it("first", () => {});
  it("second ü <&>", () => assert.fail("]]>"));
});
