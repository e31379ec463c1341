package main

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
)

// logConfig is what the bean 'logging' reads: Tigase's, as far as it means
// something here.
type logConfig struct {
	// RootLevel is from which level on something is logged at all, unless a
	// logger says otherwise: SEVERE, WARNING, INFO, CONFIG, FINE (each push is
	// told), FINER, FINEST, ALL or OFF.
	RootLevel string `tdsl:"rootLevel"`
	// RootHandlers are the places that the log goes to. The log file is not
	// written when java.util.logging.FileHandler is missing here; the console
	// always is.
	RootHandlers []string `tdsl:"rootHandlers"`
	// Handlers has the settings of the places: level; for the file also limit
	// (bytes), count (files) and append. Its pattern has no effect: the files
	// are logs/tpush.log.0 (the newest), .1 and so on.
	Handlers map[string]map[string]any `tdsl:"handlers"`
	// Loggers has the level of Java packages: tigase.push (tigase.push.apns and
	// tigase.push.fcm for the providers), tigase.server.ext, tigase.db,
	// tigase.http.
	Loggers map[string]map[string]any `tdsl:"loggers"`
	// Debug lists packages below tigase to log everything of, also on the console
	// unless that has a level of its own: push, server, db; or beans: ext, http.
	Debug []string `tdsl:",alias=debug"`
	// DebugPackages is the same with whole names.
	DebugPackages []string `tdsl:",alias=debug-packages"`
	// PacketDebug has no effect: texts of messages, tokens and secrets are
	// never logged.
	PacketDebug bool `tdsl:",alias=packet-debug-full"`
	// ThreadDump has no effect.
	ThreadDump bool `tdsl:",alias=shutdown-thread-dump"`
	// Format is the log file's: tigase or json.
	Format string `tdsl:"format,enum"`
}

const (
	fileHandler    = "java.util.logging.FileHandler"
	consoleHandler = "java.util.logging.ConsoleHandler"
)

// defaultLogging is Tigase's default.
func defaultLogging() logConfig {
	return logConfig{RootLevel: "CONFIG", RootHandlers: []string{consoleHandler, fileHandler}, Format: formatTigase}
}

// Levels of java.util.logging that slog has no names for.
const (
	levelAll    = slog.Level(math.MinInt32)
	levelFiner  = slog.LevelDebug - 1
	levelFinest = slog.LevelDebug - 4
	levelConfig = slog.LevelDebug + 1
	levelOff    = slog.Level(math.MaxInt32)
)

// level reads the name of a level, or its number in Java.
func level(name string) (slog.Level, error) {
	switch strings.ToUpper(name) {
	case "SEVERE", "1000":
		return slog.LevelError, nil
	case "WARNING", "900":
		return slog.LevelWarn, nil
	case "INFO", "800":
		return slog.LevelInfo, nil
	case "CONFIG", "700":
		return levelConfig, nil
	case "FINE", "500":
		return slog.LevelDebug, nil
	case "FINER", "400":
		return levelFiner, nil
	case "FINEST", "300":
		return levelFinest, nil
	case "ALL":
		return levelAll, nil
	case "OFF":
		return levelOff, nil
	}
	return 0, fmt.Errorf("level %q: it is SEVERE, WARNING, INFO, CONFIG, FINE, FINER, FINEST, ALL or OFF", name)
}

// logLevels are the levels from which on something is logged.
type logLevels struct {
	root, console, file slog.Level
	loggers             map[string]slog.Level // by Java's logger name
	debug               []string              // loggers that the console tells everything of, too
}

// levels reads all levels. After an error they are the default ones where the
// configuration has none that can be read.
func (c *logConfig) levels() (logLevels, error) {
	out := logLevels{root: levelConfig, console: slog.LevelInfo, file: levelAll, loggers: map[string]slog.Level{}}
	var failed error
	read := func(into *slog.Level, where, name string) {
		l, err := level(name)
		if err != nil {
			failed = fmt.Errorf("%s: %w", where, err)
			return
		}
		*into = l
	}
	read(&out.root, "rootLevel", c.RootLevel)
	for _, p := range c.Debug {
		out.debug = append(out.debug, "tigase."+p)
	}
	out.debug = append(out.debug, c.DebugPackages...)
	for _, name := range out.debug {
		out.loggers[name] = levelAll
	}
	for name, settings := range c.Loggers {
		if v, ok := settings["level"]; ok {
			l := out.loggers[name]
			read(&l, "loggers: "+name, fmt.Sprint(v))
			out.loggers[name] = l
		}
	}
	for name, into := range map[string]*slog.Level{consoleHandler: &out.console, fileHandler: &out.file} {
		if v, ok := c.Handlers[name]["level"]; ok {
			read(into, "handlers: "+name, fmt.Sprint(v))
		}
	}
	if _, own := c.Handlers[consoleHandler]["level"]; own {
		out.debug = nil
	}
	if c.Format != formatTigase && c.Format != formatJSON {
		failed = fmt.Errorf("format: %q: it is tigase or json", c.Format)
	}
	return out, failed
}

func (c *logConfig) wantsFile() bool { return slices.Contains(c.RootHandlers, fileHandler) }

// fileSetting is a number among the file's settings.
func (c *logConfig) fileSetting(key string, fallback int64) int64 {
	n, err := strconv.ParseInt(fmt.Sprint(c.Handlers[fileHandler][key]), 10, 64)
	if err != nil || n < 0 {
		return fallback
	}
	return n
}

// of returns the level of a bean: that of the nearest of its loggers. told says
// that it is one of debug, so that the console has it, too.
func (l *logLevels) of(bean string) (level slog.Level, told bool) {
	level, nearest := l.root, ""
	for name, of := range l.loggers {
		if len(name) >= len(nearest) && covers(name, bean) {
			level, nearest, told = of, name, slices.Contains(l.debug, name)
		}
	}
	return level, told
}

// covers reports whether a logger's name is that of a bean, or of a package that
// the bean is in: by the bean's path below tigase, or by Java's name for its part.
func covers(logger, bean string) bool {
	for _, name := range []string{javaLogger(bean), "tigase." + strings.ReplaceAll(bean, "/", ".")} {
		if logger == "" || strings.HasPrefix(name+".", logger+".") {
			return true
		}
	}
	return false
}

// javaLogger is the name of the Java class that has a bean's part in Tigase.
func javaLogger(bean string) string {
	top, provider, _ := strings.Cut(bean, "/")
	switch {
	case bean == "":
		return "tigase.server"
	case top == "ext":
		return "tigase.server.ext.ComponentProtocol"
	case top == "dataSource", top == "userRepository":
		return "tigase.db"
	case strings.HasPrefix(top, "http"):
		return "tigase.http"
	case strings.Contains(provider, "apns"):
		return "tigase.push.apns.APNsBinaryApiProvider"
	case strings.Contains(provider, "fcm-xmpp"):
		return "tigase.push.fcm.FcmXmppApiProvider"
	case strings.Contains(provider, "fcm"):
		return "tigase.push.fcm.FcmHttpV1Provider"
	}
	return "tigase.push.PushNotificationsComponent"
}
