package main

import "syscall"

// staUnsync is STA_UNSYNC of <sys/timex.h>: no program keeps the clock right.
const staUnsync = 0x0040

// clockKept reports whether the kernel knows that its clock is kept right by a
// time server, and whether it could be asked.
func clockKept() (kept, known bool) {
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err != nil {
		return false, false
	}
	return t.Status&staUnsync == 0, true
}
