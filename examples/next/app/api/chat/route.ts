import { chat } from "../../../lib/answers";

export const dynamic = "force-dynamic";

export async function POST(request: Request) {
  try {
    return await chat.post(request);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return Response.json(
      { error: { code: "invalid-prompt", message: error.message } },
      { status: 400 },
    );
  }
}
