// What the README's examples use of React and Vue, as both declare it: the real packages are larger than this client.

declare module "react" {
  export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, snapshot: () => T): T;
}

declare module "vue" {
  export function shallowRef<T>(value: T): { value: T };
  export function onScopeDispose(callback: () => void): void;
}
