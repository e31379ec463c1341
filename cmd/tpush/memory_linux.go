package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// forgetProgramPages takes the program's code and constants out of its memory.
// Those that are used come back at once out of the kernel's cache; the others,
// half of what a ps shows of an idle process, were of use only at the start. It
// does nothing where it cannot be done.
func forgetProgramPages() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil || !fixedAddress() {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		// 00400000-01198000 r-xp 00000000 fe:00 10306113    /usr/bin/tpush
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[5] != self || f[1] != "r-xp" && f[1] != "r--p" {
			continue
		}
		begin, end, _ := strings.Cut(f[0], "-")
		from, fromErr := strconv.ParseUint(begin, 16, 64)
		to, toErr := strconv.ParseUint(end, 16, 64)
		if fromErr == nil && toErr == nil {
			// What fails leaves things as they are.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(from), uintptr(to-from), syscall.MADV_DONTNEED)
		}
	}
}

// fixedAddress reports whether the program is loaded where it was linked for.
// Another has constants that were changed in memory, and would lose that.
func fixedAddress() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-buildmode", Value: "exe"})
}
