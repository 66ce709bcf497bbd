import type { AbortPart, AnswerErrorCode, ErrorPart } from "../parts.js";

const failed = "The answer failed.";
const later = "Try again later.";

const texts: Record<AnswerErrorCode, string> = {
  "rate-limit": `The model gets too many requests. ${later}`,
  quota: "The service has used up its share of the model.",
  overloaded: `The model is overloaded. ${later}`,
  authentication: "The service cannot reach the model.",
  permission: "The service may not use the model.",
  "not-found": "The model does not exist.",
  "invalid-request": "The model does not accept the request.",
  "content-filter": "The answer was withheld.",
  timeout: `The model did not answer in time. ${later}`,
  "server-error": `The model failed. ${later}`,
  "provider-error": failed,
  "incomplete-stream": "The answer broke off.",
  "invalid-chunk": failed,
  "not-a-stream": failed,
  "unknown-format": failed,
  "too-large": "The answer is too long.",
  "connection-error": `The connection to the model failed. ${later}`,
  "source-error": failed,
  "idle-timeout": `The model fell silent. ${later}`,
  "max-duration": "The answer took too long.",
  "max-bytes": "The answer is too long.",
  "store-error": `The answer could not be kept. ${later}`,
  "producer-lost": "The answer broke off.",
};

/** What anybody may read: it depends on the code alone, never on the provider's words. */
export function publicText(end: ErrorPart | AbortPart): string {
  if (end.type === "abort") return "The answer was stopped.";
  return Object.hasOwn(texts, end.code) ? texts[end.code as AnswerErrorCode] : failed;
}
