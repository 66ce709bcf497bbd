import { useCallback, useEffect, useRef, useState } from "react";
import { useChannel } from "stream-llm/react";

import type { Conversation, ConversationEvents, Turn } from "../../../types/conversation.ts";
import { ApiError, authorization, request } from "../session.ts";

/** Tells the tabs of a conversation apart. */
export const tab = crypto.getRandomValues(new Uint32Array(2)).join("-");

const KEY = "conversation";

/** The one in the address, so that a reload and a copied address show it; else the last one. */
const chosenId = () => location.hash.slice(1) || localStorage.getItem(KEY);

function show(id: string): void {
  localStorage.setItem(KEY, id);
  if (location.hash.slice(1) !== id) history.replaceState(null, "", `#${id}`);
}

const create = () => request<Conversation>("/api/conversations", "POST");

async function load(id: string | null): Promise<Conversation> {
  if (!id) return create();
  try {
    return await request<Conversation>(`/api/conversations/${encodeURIComponent(id)}`);
  } catch (error) {
    // The server has started anew, or made room.
    if (error instanceof ApiError && error.status === 404) return create();
    throw error;
  }
}

export interface LoadedConversation {
  conversation: Conversation | undefined;
  /** Grows when what the server has is to take the place of what the tab shows. */
  revision: number;
  /** Whether another one is to take its place in a moment. */
  isLoading: boolean;
  /** Why there is none. */
  failure: string | undefined;
  /** Ended turns by id, as the server tells of them. */
  ended: ReadonlyMap<string, Turn>;
  here: ConversationEvents["here"] | undefined;
  you: string | undefined;
  isOffline: boolean;
  startNew(): void;
  reload(): void;
}

/**
 * The conversation of this tab, in step with its other tabs: what another one asks makes this one load the
 * conversation anew, as a reload of the page does.
 */
export function useConversation(): LoadedConversation {
  const [loaded, setLoaded] = useState<{ conversation: Conversation; revision: number }>();
  const [isLoading, setLoading] = useState(true);
  const [failure, setFailure] = useState<string>();
  const [ended, setEnded] = useState<ReadonlyMap<string, Turn>>(new Map());
  const [here, setHere] = useState<ConversationEvents["here"]>();
  const [you, setYou] = useState<string>();
  /** The newest version that this tab knows all of. */
  const version = useRef(-1);
  const latest = useRef(0);

  const open = useCallback(async (opening: Promise<Conversation>) => {
    const turn = ++latest.current;
    setLoading(true);
    try {
      const conversation = await opening;
      if (turn !== latest.current) return; // something newer is being opened
      show(conversation.id);
      version.current = conversation.version;
      setEnded(new Map());
      setFailure(undefined);
      setLoaded({ conversation, revision: turn });
    } catch (error) {
      if (turn !== latest.current) return;
      version.current = -1; // whatever the server has, it is not known here
      setFailure((error as Error).message);
    }
    setLoading(false);
  }, []);

  const reload = useCallback(() => void open(load(chosenId())), [open]);
  const startNew = useCallback(() => void open(create()), [open]);

  useEffect(() => {
    reload();
    addEventListener("hashchange", reload);
    return () => removeEventListener("hashchange", reload);
  }, [reload]);

  const id = loaded?.conversation.id;
  const { state, retry } = useChannel<ConversationEvents>(
    id ? `/api/conversations/${id}/events` : null,
    {
      headers: authorization,
      on: {
        hello(hello) {
          setYou(hello.you);
          if (hello.version !== version.current) reload();
        },
        asked(asked) {
          if (asked.tab === tab) version.current = asked.version;
          else reload();
        },
        ended(end) {
          version.current = end.version;
          setEnded((before) => new Map(before).set(end.turn.id, end.turn));
        },
        here: setHere,
      },
    },
  );

  // The server does not know the conversation any more.
  useEffect(() => {
    if (state !== "closed") return;
    const timer = setTimeout(() => {
      reload();
      retry();
    }, 1000);
    return () => clearTimeout(timer);
  }, [state, reload, retry]);

  return {
    conversation: loaded?.conversation,
    revision: loaded?.revision ?? 0,
    isLoading,
    failure,
    ended,
    here,
    you,
    isOffline: state === "waiting" || state === "closed",
    startNew,
    reload,
  };
}
