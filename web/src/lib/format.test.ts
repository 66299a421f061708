import { describe, expect, it } from "vitest";
import { bytes, count, day, duration, figure, list, minute, money, number, percent, short } from "./format";

const plain = (s: string) => s.replaceAll("\u202f", " ").replaceAll("\u2212", "-");

describe("numbers", () => {
  it.each([
    [0, 0, "0"],
    [-0.2, 0, "0"],
    [999.4, 0, "999"],
    [999.5, 0, "1 000"],
    [1234567.891, 2, "1 234 567.89"],
    [-1234.5, 1, "-1 234.5"],
    [-0.04, 1, "0.0"],
    [Number.NaN, 0, "–"],
    [Number.POSITIVE_INFINITY, 0, "–"],
  ])("%s with %s decimals is %s", (x, digits, want) => expect(plain(number(x, digits))).toBe(want));

  it("keeps amount and unit on one line", () => {
    expect(money(12345.6, "EUR")).toBe("12\u202f346\u202fEUR");
    expect(money(undefined, "EUR")).toBe("–");
  });

  it("writes shares as per cent", () => {
    expect(plain(percent(0.756))).toBe("76 %");
    expect(percent(undefined)).toBe("–");
  });

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1536000, "1.5 MB"],
    [123456, "123 kB"],
    [5e15, "5 000 TB"],
  ])("%s bytes are %s", (n, want) => expect(plain(bytes(n))).toBe(want));
});

describe("times", () => {
  it("are ISO and UTC, whatever the zone of the reader", () => {
    expect(day("2015-03-02T23:30:00-05:00")).toBe("2015-03-03");
    expect(minute("2015-03-02T14:05:59Z")).toBe("2015-03-02 14:05");
    expect(day(undefined)).toBe("–");
    expect(minute("yesterday")).toBe("–");
  });

  it.each([
    ["2015-03-02T00:00:00.340Z", "340 ms"],
    ["2015-03-02T00:00:12Z", "12 s"],
    ["2015-03-02T00:05:00Z", "5 min"],
    ["2015-03-02T00:05:07Z", "5 min 7 s"],
    ["2015-03-02T01:05:07Z", "1 h 5 min"],
    [undefined, "–"],
    ["2015-03-01T00:00:00Z", "–"],
  ])("until %s it took %s", (to, want) => expect(plain(duration("2015-03-02T00:00:00Z", to))).toBe(want));
});

describe("words", () => {
  it("shortens digests", () => expect(short(`sha256:${"ab".repeat(32)}`)).toBe("abababababab"));
  it("counts", () => {
    expect(count(1, "day")).toBe("1 day");
    expect(count(0, "delivery", "deliveries")).toBe("0 deliveries");
  });
  it("lists", () => {
    expect(list([])).toBe("");
    expect(list(["a"])).toBe("a");
    expect(list(["a", "b", "c"])).toBe("a, b and c");
  });
});

describe("measured numbers", () => {
  it.each([
    [0, "0"],
    [0.1234567, "0.123457"],
    [-12345.678, "-12 345.7"],
    [1.5e-7, "1.5e-7"],
    [2.5e12, "2.5e12"],
    [100, "100"],
    [null, "–"],
    [Number.NaN, "–"],
  ])("%s is %s", (x, want) => expect(plain(figure(x))).toBe(want));
});
