package androidx.fragment.app;

import android.app.Activity;

public class FragmentActivity extends Activity {}
