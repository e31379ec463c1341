package repository

import (
	"testing"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// TestPagesFit: the pages that connections keep are in the memory for them, and
// none is elsewhere.
func TestPagesFit(t *testing.T) {
	d := openDevices(t, "jdbc:sqlite:"+t.TempDir()+"/tpush.db")
	register(t, d, key("AB"), "", "n1")
	byNode(t, d, "n1")
	tls := libc.NewTLS()
	defer tls.Close()
	numbers := libc.Xmalloc(tls, 16)
	defer libc.Xfree(tls, numbers)
	for status, want := range map[int32]bool{sqlite3.SQLITE_STATUS_PAGECACHE_USED: true, sqlite3.SQLITE_STATUS_PAGECACHE_OVERFLOW: false} {
		if code := sqlite3.Xsqlite3_status(tls, status, numbers, numbers+8, 0); code != sqlite3.SQLITE_OK {
			t.Fatal(code)
		}
		if now := libc.GoBytes(numbers, 4); (now[0]|now[1]|now[2]|now[3] != 0) != want {
			t.Errorf("status %d: %v", status, now)
		}
	}
}
