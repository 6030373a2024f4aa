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
  const listeners = new Set<() => void>();

  return {
    add(callback) {
      let told = false;
      const tell = () => {
        const value = current();
        if (!value) return;
        told = true;
        try {
          callback(value);
        } catch (error) {
          // As an uncaught error, where a page looks for it.
          startTimer(() => {
            throw error;
          }, 0);
        }
      };
      listeners.add(tell);
      // Not before `add` has returned: the callback may want to unsubscribe.
      startTimer(() => told || (listeners.has(tell) && tell()), 0);
      return () => void listeners.delete(tell);
    },
    call() {
      listeners.forEach((tell) => tell());
    },
  };
}
