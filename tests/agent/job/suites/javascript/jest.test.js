test("adds", () => expect(1 + 1).toBe(2));
test("fails in colour \u001b[31m", () => expect("\u001b[31mred").toBe("blue"));
test.skip("later", () => {});
test.todo("planned");
describe("parts", () => {
  test("ü <&> ]]>", () => expect(1).toBe(1));
  test("throws", () => { throw new Error("boom \u0000"); });
});
