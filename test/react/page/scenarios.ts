/** Components with the hooks, as an application would use them: options are new objects each time. */
import * as React from "react";
import { createElement, type FunctionComponent, type ReactNode, Suspense } from "react";
import { useChannel, useSSEStream, useStreamingChat } from "../../../lib/react/index.ts";
import type { Rig } from "./rig.ts";

/** There is none where a page is rendered on the server. */
const rig = () => (globalThis as { rig?: Rig }).rig;

function show(id: string, state: object) {
  return createElement("pre", { id }, JSON.stringify(state));
}

/** A turn of the event loop, without a timer's delay. */
function turn(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** An answer of `count` tokens over a second, in several chunks per frame, each in a turn of its own. */
function answerOf(count: number) {
  return async (): Promise<Response> => {
    const start = performance.now();
    const encoder = new TextEncoder();
    let sent = 0;
    let due = 0;
    let quarter = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (quarter === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        if (quarter === 0) due = Math.min(count, (performance.now() - start) * (count / 1000));
        await turn();
        const isLast = sent === count;
        const until = sent + Math.ceil((due - sent) / (4 - quarter));
        quarter = (quarter + 1) % 4;
        let chunk = isLast ? "event: done\ndata: {}\n\n" : "";
        while (sent < until) {
          const token = JSON.stringify({ token: `${sent++} ` });
          chunk += `event: token\nid: ${sent}\ndata: ${token}\n\n`;
        }
        controller.enqueue(encoder.encode(chunk));
        if (isLast) controller.close();
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
}

const retryQuickly = { initialDelay: 5, maxDelay: 20 };

interface StreamProps {
  url: string | null;
  id?: string;
  maxRetries?: number;
  /** How many tokens to read in a second, made in the page. */
  tokens?: number;
}

function SSEStream({ url, id = "state", maxRetries = 20, tokens }: StreamProps) {
  const { retry, ...state } = useSSEStream(url, {
    retry: { ...retryQuickly, maxRetries },
    fetch: tokens ? answerOf(tokens) : undefined,
  });
  const current = rig();
  if (current) Object.assign(current.functions, { [`retry-${id}`]: retry });
  current?.rendered(state.content);
  return show(id, { ...state, error: state.error?.code });
}

function SSEStreams({ urls }: { urls: (string | null)[] }) {
  return urls.map((url, index) =>
    createElement(SSEStream, { key: `${index}`, id: `state-${index}`, url }),
  );
}

let resolveLate: (() => void) | undefined;
let late: Promise<void> | undefined;
let isLate = true;

/** Is suspended until it is told to go on. */
function Late() {
  late ??= new Promise((resolve) => {
    resolveLate = () => {
      isLate = false;
      resolve();
    };
  });
  const current = rig();
  if (current) current.functions = { resolveLate: () => resolveLate?.() };
  if (isLate) throw late;
  return null;
}

/** A hook beside something that is suspended on the first render. */
function Suspended({ url }: StreamProps) {
  return createElement(
    Suspense,
    { fallback: createElement("p", { id: "fallback" }, "…") },
    createElement(SSEStream, { url }),
    createElement(Late),
  );
}

interface HiddenProps {
  isHidden: boolean;
}

/** Components that React keeps the state of while they are hidden; React 18 has no such thing. */
function hideable<Props extends object>(component: FunctionComponent<Props>) {
  return ({ isHidden, ...props }: Props & HiddenProps): ReactNode => {
    const { Activity } = React as unknown as { Activity: FunctionComponent<{ mode: string }> };
    const mode = isHidden ? "hidden" : "visible";
    return createElement(Activity, { mode }, createElement(component, props as unknown as Props));
  };
}

interface ChannelEvents {
  greeting: { text: string };
  count: number;
}

interface ChannelProps extends StreamProps {
  /** What listeners of this render say before what they hear. */
  label: string;
}

function Channel({ url, label, maxRetries = 20 }: ChannelProps) {
  const { retry, last, ...state } = useChannel<ChannelEvents>(url, {
    retry: { ...retryQuickly, maxRetries },
    headers: () => ({ "X-Label": label }),
    on: {
      greeting: ({ text }, { id }) => rig()?.heard.push(`${label} greeting ${text} ${id}`),
      count: (count) => rig()?.heard.push(`${label} count ${count}`),
    },
    onAny: ({ event }) => rig()?.heard.push(`${label} any ${event}`),
  });
  const current = rig();
  if (current) current.functions = { retry };
  current?.rendered();
  return show("state", { ...state, last, error: state.error?.code });
}

interface ChatProps {
  endpoint: string;
  id?: string;
  resume?: string | boolean;
  label?: string;
  tokens?: number;
}

function Chat({ label = "", tokens, ...config }: ChatProps) {
  const { send, cancel, reset, retry, resume, ...state } = useStreamingChat({
    ...config,
    fetch: tokens ? answerOf(tokens) : undefined,
    retry: { ...retryQuickly, maxRetries: 20 },
    headers: () => ({ "X-Label": label }),
    onToken: (token) => rig()?.heard.push(`${label} ${token}`),
    onError: (error) => rig()?.heard.push(`${label} ${error.code}`),
  });
  const current = rig();
  if (current) current.functions = { send, cancel, reset, retry, resume };
  current?.rendered(state.content);
  return show("state", { ...state, error: state.error?.code });
}

export interface Scenarios {
  stream: StreamProps;
  streams: { urls: (string | null)[] };
  channel: ChannelProps;
  chat: ChatProps;
  suspended: StreamProps;
  hideableStream: StreamProps & HiddenProps;
  hideableChat: ChatProps & HiddenProps;
}

export const scenarios = {
  stream: SSEStream,
  streams: SSEStreams,
  channel: Channel,
  chat: Chat,
  suspended: Suspended,
  hideableStream: hideable(SSEStream),
  hideableChat: hideable(Chat),
} satisfies { [Name in keyof Scenarios]: FunctionComponent<Scenarios[Name]> };
