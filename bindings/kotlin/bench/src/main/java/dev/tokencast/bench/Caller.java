package dev.tokencast.bench;

import kotlin.coroutines.Continuation;
import kotlin.coroutines.CoroutineContext;
import kotlin.coroutines.EmptyCoroutineContext;

/** Who calls a suspending function that is to answer at once. */
final class Caller implements Continuation<Object> {
    @Override
    public CoroutineContext getContext() {
        return EmptyCoroutineContext.INSTANCE;
    }

    @Override
    public void resumeWith(Object result) {
        throw new IllegalStateException("it was suspended");
    }
}
