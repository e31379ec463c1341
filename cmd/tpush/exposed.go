package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/providers/apns"
	"github.com/tpush/tpush/providers/fcm"
	"github.com/tpush/tpush/tdsl"
)

// exposed finds files that hold secrets and that everyone on this machine may
// read: the configuration, certificates with their keys, service accounts.
func exposed(config, home string, root *beans.Bean) (out beans.Findings) {
	if readable(config) {
		out = append(out, beans.Finding{Severity: beans.Warning, Pos: tdsl.Pos{File: config},
			Msg: "everyone on this machine can read this file, which may hold passwords", Hint: "chmod o-r " + config})
	}
	for _, b := range root.Children {
		out = append(out, exposedBelow(home, b)...)
	}
	return out
}

func exposedBelow(home string, b *beans.Bean) (out beans.Findings) {
	type property struct{ name, file string }
	var files []property
	switch c := b.Config().(type) {
	case apns.Config:
		files = []property{{"cert-file", c.CertFile}, {"cert-key-file", c.CertKeyFile}, {"pushkit-cert-file", c.PushKitCertFile}, {"p8-file", c.P8File}}
	case fcm.Config:
		files = []property{{"service-account-file", c.ServiceAccountFile}}
	case legacyConfig:
		files = []property{{"service-account-file", c.ServiceAccountFile}}
	}
	for _, p := range files {
		file := p.file
		if file != "" && !filepath.IsAbs(file) {
			file = filepath.Join(home, file)
		}
		if readable(file) {
			out = append(out, beans.Finding{Severity: beans.Warning, Pos: b.Pos, Bean: b.Path(),
				Msg: fmt.Sprintf("%s: everyone on this machine can read the %s %s", b.Path(), p.name, file), Hint: "chmod o-r " + file})
		}
	}
	for _, child := range b.Children {
		out = append(out, exposedBelow(home, child)...)
	}
	return out
}

// readable reports whether everyone may read a file; one that is not there is
// reported elsewhere.
func readable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().Perm()&0o004 != 0
}
