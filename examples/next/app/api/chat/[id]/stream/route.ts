import { chat } from "../../../../../lib/answers";

export const dynamic = "force-dynamic";

export async function GET(request: Request, { params }: { params: Promise<{ id: string }> }) {
  return chat.stream(request, await params);
}
