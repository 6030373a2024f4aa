//! Every scheme of the reference backend, as `cargo xtask soak` plays them, in small.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

#[path = "../examples/schemes/rows.rs"]
mod rows;

use rows::{Contract, Size, rows};
use tokencast_conformance::Stop;

const MINT: &str = "import sys,json,urllib.request as u,urllib.parse as p;o=sys.argv[1]=='oauth2';\
f={'username':'ada','password':'lovelace',**({'grant_type':'password','client_id':'app'} if o else {})};\
r=u.urlopen(sys.argv[2]+('/oauth/token' if o else '/auth/login'),p.urlencode(f).encode());\
d=json.load(r);c=r.headers.get_all('set-cookie');\
print(json.dumps({**d,'cookies':'; '.join(x.split(';')[0] for x in c)} if c else d))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_scheme_loses_a_session_by_the_clients_doing() {
    let size = Size {
        exchanges: 60,
        callers: 50,
        seed: 5,
        stop: Stop::default(),
    };
    let mint = format!("python3 -c \"{MINT}\"");
    for row in rows() {
        let report = row.soak(&size, &mint, |_| ()).await.unwrap();
        assert!(
            report.is_clean() && report.exchanges >= 60,
            "{row:?}: {report:#?}"
        );
        assert!(report.faults > 0, "{row:?}: {report:#?}");
        if row.contract != Contract::Off {
            assert_eq!(report.lost_by_server, 0, "{row:?}: {report:#?}");
        }
    }
}
