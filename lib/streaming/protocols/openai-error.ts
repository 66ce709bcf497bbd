/** OpenAI's words for our error codes: https://platform.openai.com/docs/guides/error-codes */
const words = new Map<string, { type: string; code: string }>([
  ["rate-limit", { type: "rate_limit_error", code: "rate_limit_exceeded" }],
  ["quota", { type: "insufficient_quota", code: "insufficient_quota" }],
  ["authentication", { type: "authentication_error", code: "authentication" }],
  ["permission", { type: "permission_error", code: "permission" }],
  ["not-found", { type: "invalid_request_error", code: "not_found" }],
  ["invalid-request", { type: "invalid_request_error", code: "invalid_request" }],
  ["content-filter", { type: "invalid_request_error", code: "content_filter" }],
  ["server-error", { type: "server_error", code: "server_error" }],
  ["aborted", { type: "aborted", code: "aborted" }],
]);

export function openAIError(code: string): { type: string; code: string } {
  return words.get(code) ?? { type: "server_error", code: code.replaceAll("-", "_") };
}
