import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** px from the end of the page that still count as the end */
const SLACK = 60;

const page = () => document.documentElement;
const distance = () => page().scrollHeight - page().clientHeight - page().scrollTop;

/** Keeps the end of the page in view while `content` grows, or what is `below` it, until the reader scrolls up. */
export function useFollow(content: string | undefined, below: unknown) {
  const [isAtEnd, setAtEnd] = useState(true);
  const follows = useRef(true);

  useEffect(() => {
    let before = page().scrollTop;
    const onScroll = () => {
      const { scrollTop } = page();
      const isNear = distance() < SLACK;
      // Growth alone scrolls nothing up.
      if (isNear) follows.current = true;
      else if (scrollTop < before) follows.current = false;
      before = scrollTop;
      setAtEnd(isNear || follows.current);
    };
    addEventListener("scroll", onScroll, { passive: true });
    return () => removeEventListener("scroll", onScroll);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: when the content has changed
  useLayoutEffect(() => {
    if (follows.current) page().scrollTop = page().scrollHeight;
  }, [content, below]);

  const toEnd = useCallback(() => {
    follows.current = true;
    setAtEnd(true);
    page().scrollTop = page().scrollHeight;
  }, []);

  return { isAtEnd, toEnd };
}
