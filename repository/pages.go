package repository

import (
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// pageSlot is a page of our own databases with what the engine keeps beside it
	// (4096 bytes and about 280; a test sees whether it fits). Larger pages, in
	// databases of others, find memory elsewhere.
	pageSlot = 4096 + 320
	// pageSlots is how many pages all connections keep together.
	pageSlots = 1000
)

// givePages gives the embedded engine memory for the pages that its connections
// keep, in pieces of their size: its own allocator rounds each up to 8 KiB. It is
// a setting of the whole process, and can be made before the first connection only
// (https://sqlite.org/c3ref/c_config_covering_index_scan.html, PAGECACHE). Without
// it all works, with more memory.
var givePages = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	args := libc.Xmalloc(tls, 3*8)
	defer libc.Xfree(tls, args)
	memory := libc.Xmalloc(tls, pageSlots*pageSlot) // kept for good
	code := sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_PAGECACHE, libc.VaList(args, memory, int32(pageSlot), int32(pageSlots)))
	if code != sqlite3.SQLITE_OK {
		libc.Xfree(tls, memory)
	}
})
