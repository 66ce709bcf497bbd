import { type Channel, createChannel } from "stream-llm";
import type { NewsEvents } from "./news-events";
import { once } from "./once";

type News = Channel<object, object, NewsEvents>;

function open(): News {
  const news: News = createChannel();
  const tellReaders = () => news.broadcast({ count: news.sessionCount }, "readers");
  news.on("session-registered", tellReaders);
  news.on("session-deregistered", tellReaders);
  return news;
}

export const news = once("news", open);
