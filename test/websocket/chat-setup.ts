import { onTestFinished } from "vitest";
import type { ServerOptions } from "ws";
import type { GenerationsOptions } from "../../lib/streaming/server.ts";
import {
  type WebSocketChatOptions,
  type WebSocketGeneration,
  type WebSocketSession,
  webSocketChat,
} from "../../lib/websocket/index.ts";
import { Queue } from "../e2e/harness.ts";
import { make, Scripted } from "../streaming/generations-setup.ts";
import { openClient, serveWebSockets, type WsClient } from "./setup.ts";

export interface ChatServing extends Awaited<ReturnType<typeof serveWebSockets>> {
  generations: ReturnType<typeof make>;
  /** Of each answer, in the order in which they were started. */
  providers: Queue<Scripted>;
  sessions: Queue<WebSocketSession>;
}

/** A chat whose providers say what the test tells them to. Ids of others begin with `theirs`. */
export async function serveChat(
  options: Partial<WebSocketChatOptions> & {
    generations?: GenerationsOptions;
    server?: ServerOptions;
    replace?: boolean;
  } = {},
): Promise<ChatServing> {
  const { generations: given, server, replace, ...rest } = options;
  const generations = make(given);
  const providers = new Queue<Scripted>();
  const sessions = new Queue<WebSocketSession>();
  const chat = webSocketChat(generations, {
    start: (): WebSocketGeneration => {
      const provider = new Scripted();
      providers.put(provider);
      return { run: provider.source, replace };
    },
    authorize: (_, id) => !id.startsWith("theirs"),
    ...rest,
  });
  const serving = await serveWebSockets(async (ws, request) => {
    sessions.put(await chat(ws, request));
  }, server);
  onTestFinished(() => serving.server.close());
  return { ...serving, generations, providers, sessions };
}

/** The text of an answer as a client has it. */
export function textOf(client: WsClient, id: string): string {
  const texts = client.messages.filter((message) => message.type === "text" && message.id === id);
  return texts.map(({ text }) => text).join("");
}

export const chatWith = async (serving: ChatServing): Promise<WsClient> => openClient(serving.url);
