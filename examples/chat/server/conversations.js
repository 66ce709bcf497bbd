/**
 * What was asked and answered. In memory, so it is gone when the server ends: a real one keeps it in its database,
 * behind the same four functions.
 */
import { randomUUID } from "node:crypto";

import { createChannel } from "stream-llm";

import { Refusal } from "./refusal.js";

const MAX_CONVERSATIONS = 500;

/** @typedef {import("../types/conversation.ts").Turn} Turn */

class Conversation {
  id = randomUUID();
  /** Grows with each change, so that a tab knows whether it has missed one. */
  version = 0;
  /** @type {Turn[]} */
  turns = [];
  /** The tabs that have it open. @type {import("stream-llm").Channel<object, import("./presence.js").Visitor>} */
  channel = createChannel();

  constructor(owner) {
    this.owner = owner;
  }

  get isAnswering() {
    return this.turns.at(-1)?.status === "running";
  }
}

/** By id, the one that was used last at the end. @type {Map<string, Conversation>} */
const conversations = new Map();
/** Whose answer an id is. @type {Map<string, Conversation>} */
const byTurn = new Map();

function forget(conversation) {
  conversations.delete(conversation.id);
  for (const { id } of conversation.turns) byTurn.delete(id);
}

function makeRoom() {
  if (conversations.size < MAX_CONVERSATIONS) return;
  for (const old of conversations.values()) {
    if (old.isAnswering || old.channel.sessionCount > 0) continue;
    forget(old);
    return;
  }
  throw new Refusal(503, "overloaded", "Too many conversations are open. Try again later.");
}

/** @param {string} owner - the subject of a token */
export function createConversation(owner) {
  makeRoom();
  const conversation = new Conversation(owner);
  conversations.set(conversation.id, conversation);
  return conversation;
}

/** A conversation of `owner`; nobody else's. */
export function conversationOf(owner, id) {
  const conversation = conversations.get(id);
  if (!conversation) throw new Refusal(404, "not-found", "There is no such conversation.");
  if (conversation.owner !== owner) {
    throw new Refusal(403, "forbidden", "This conversation is not yours.");
  }
  conversations.delete(id);
  conversations.set(id, conversation);
  return conversation;
}

/** The conversation that a turn is part of, whosever it is. */
export const conversationWith = (turnId) => byTurn.get(turnId);

/** Puts a question at `index`: in place of what stood there and after it, where a question is asked again. */
export function addTurn(conversation, index, turn) {
  for (const { id } of conversation.turns.splice(index)) byTurn.delete(id);
  conversation.turns.push(turn);
  byTurn.set(turn.id, conversation);
  conversation.version++;
}
