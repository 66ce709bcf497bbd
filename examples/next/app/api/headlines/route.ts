import { news } from "../../../lib/news";

const maxLength = 200;

export async function POST(request: Request) {
  const given: unknown = await request.json().catch(() => undefined);
  const text = (given as { text?: unknown } | null | undefined)?.text;
  if (typeof text !== "string" || text.trim() === "" || text.length > maxLength) {
    const error = `Send JSON like {"text": "..."}, with 1 to ${maxLength} characters.`;
    return Response.json({ error }, { status: 400 });
  }
  news.broadcast({ text: text.trim(), at: Date.now() }, "headline");
  return new Response(null, { status: 202 });
}
