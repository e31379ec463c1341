package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// What the release build stamps (scripts/build).
var version, commit, date string

// versionText is the stamped version, else that of the build.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// buildText tells from which source, when and with what the program was built.
func buildText() string {
	from, at := commit, date
	if info, ok := debug.ReadBuildInfo(); ok && from == "" {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				from = s.Value
			case "vcs.time":
				at = s.Value
			}
		}
	}
	if from == "" {
		from = "unknown"
	}
	if at != "" {
		at = " of " + at
	}
	return fmt.Sprintf("%s (commit %s%s; %s %s/%s)", versionText(), from, at, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
