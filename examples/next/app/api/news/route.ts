import { createResponse } from "stream-llm";
import { news } from "../../../lib/news";

export const dynamic = "force-dynamic";

export function GET(request: Request) {
  return createResponse(request, (session) => {
    news.register(session);
  });
}
