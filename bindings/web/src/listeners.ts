import type { Unsubscribe } from "./index.js";
import { startTimer } from "./natives.js";

/** The page's callbacks for one kind of event. One that throws is reported and does not stop the others. */
export interface Listeners<T> {
  /** Adds a callback; it soon gets the current value, if there is one. */
  add(callback: (value: T) => void): Unsubscribe;
  /** Tells every callback the current value, each an object of its own. */
  call(): void;
}

export function createListeners<T>(current: () => T | undefined): Listeners<T> {
  let listeners: Listener<T>[] = [];

  const tell = (listener: Listener<T>) => {
    const value = current();
    if (value === undefined || !listeners.includes(listener)) return;
    listener.told = true;
    try {
      listener.callback(value);
    } catch (error) {
      // As an uncaught error, where a page looks for it.
      startTimer(() => {
        throw error;
      }, 0);
    }
  };

  return {
    add(callback) {
      const listener: Listener<T> = { callback, told: false };
      listeners.push(listener);
      // Not before `add` has returned: the callback may want to unsubscribe.
      startTimer(() => listener.told || tell(listener), 0);
      return () => {
        listeners = listeners.filter((other) => other !== listener);
      };
    },
    call() {
      listeners.slice().forEach(tell);
    },
  };
}

interface Listener<T> {
  callback(value: T): void;
  told: boolean;
}
