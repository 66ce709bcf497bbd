import { chat } from "../../../../../lib/answers";

export async function POST(request: Request, { params }: { params: Promise<{ id: string }> }) {
  return chat.stop(request, await params);
}
