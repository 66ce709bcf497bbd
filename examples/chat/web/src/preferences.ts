import { useCallback, useState } from "react";

/** A choice that outlives the page. */
export function usePreference(name: string, otherwise: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => localStorage.getItem(name) ?? otherwise);
  const choose = useCallback(
    (chosen: string) => {
      localStorage.setItem(name, chosen);
      setValue(chosen);
    },
    [name],
  );
  return [value, choose];
}
