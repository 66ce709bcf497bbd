/** An error that the one who asks may read. Everything else that goes wrong is told to the log only. */
export class Refusal extends Error {
  /**
   * @param {number} status - of HTTP
   * @param {string} code - for programs
   * @param {string} message - for people
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Express' last handler: `{"error": {"code", "message"}}`, as the handlers of generations refuse too. */
export function refuse(error, _req, res, next) {
  if (res.headersSent) return next(error);
  const { status = 500, code, type, message } = error;
  if (status >= 500 && !(error instanceof Refusal)) console.error(error);
  const told =
    status < 500 || error instanceof Refusal
      ? { code: code ?? type ?? "bad-request", message }
      : { code: "server-error", message: "Something went wrong here." };
  res.status(status).json({ error: told });
}
