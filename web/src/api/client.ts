import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

export type Page = Schemas["ProductPage"];
export type Window = Schemas["Window"];
export type Incident = Schemas["Incident"];
export type Deployment = Schemas["Deployment"];
export type Release = Schemas["Release"];
export type Gate = Schemas["Gate"];
export type Dataset = Schemas["Dataset"];
export type Stage = Schemas["Stage"];
export type Fact = Schemas["Fact"];
export type Value = Schemas["Value"];
export type Problem = Schemas["Problem"];
export type ProductLine = Schemas["ProductLine"];

export const client = createClient<paths>();

/** An answer of the server that is no success, with the hint that it gives. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ApiError";
    this.problem = problem;
  }
}

interface Answer<T> {
  data?: T;
  error?: Problem;
  response: Response;
}

/** Gives the data of an answer, or throws an ApiError. A proxy may answer something that is no problem document. */
export function ok<T>(answer: Answer<T>): T {
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  const { status, statusText } = answer.response;
  const given = answer.error;
  if (given && typeof given === "object" && "detail" in given) throw new ApiError(given);
  throw new ApiError({
    status,
    title: statusText || "no answer",
    kind: "internal",
    detail: `the server answered ${status} ${statusText}`,
  });
}

export async function fetchProducts(signal: AbortSignal): Promise<ProductLine[]> {
  return ok(await client.GET("/api/v1/products", { signal }));
}

export async function fetchPage(product: string, signal: AbortSignal): Promise<Page> {
  return ok(await client.GET("/api/v1/products/{product}", { params: { path: { product } }, signal }));
}

export async function fetchFacts(product: string, after: number, signal: AbortSignal): Promise<Fact[]> {
  const params = { path: { product }, query: { after, limit: 50 } };
  return ok(await client.GET("/api/v1/products/{product}/facts", { params, signal }));
}

export async function rollBack(product: string, member: string, reason: string): Promise<Deployment> {
  const params = { path: { product } };
  return ok(await client.POST("/api/v1/products/{product}/rollback", { params, body: { member, reason } }));
}

export async function acknowledge(id: string, member: string): Promise<Incident> {
  return ok(await client.POST("/api/v1/incidents/{id}/acknowledge", { params: { path: { id } }, body: { member } }));
}

export type Verdict = Schemas["Resolve"]["verdict"];

export async function resolve(id: string, member: string, verdict: Verdict, reason: string): Promise<Incident> {
  const params = { path: { id } };
  return ok(await client.POST("/api/v1/incidents/{id}/resolve", { params, body: { member, verdict, reason } }));
}
