/** The answers under way in this tab, kept over a reload: { address, prompt }, oldest first. */
const KEY = "running";

export const running = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

const keep = (list) => sessionStorage.setItem(KEY, JSON.stringify(list));
const others = (address) => running().filter((answer) => answer.address !== address);

export const remember = (answer) => keep([...others(answer.address), answer]);
export const forget = (address) => keep(others(address));
