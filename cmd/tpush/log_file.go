package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// logFile is a log that is kept in several files as java.util.logging does it:
// NAME.0 is the newest; when it is full, all are renamed to the next number, and
// the oldest is dropped.
type logFile struct {
	name   string
	limit  int64 // bytes; 0: none
	count  int
	append bool // an existing file is continued

	mu   sync.Mutex
	file *os.File
	size int64
}

// newLogFile takes the settings of Tigase's FileHandler: limit, count and
// append.
func newLogFile(name string, cfg logConfig) *logFile {
	return &logFile{
		name:   name,
		limit:  cfg.fileSetting("limit", 10_000_000),
		count:  int(max(1, cfg.fileSetting("count", 5))),
		append: fmt.Sprint(cfg.Handlers[fileHandler]["append"]) != "false",
	}
}

// Reopen opens the newest file, which may have been moved away meanwhile. What
// was open before stays open if that fails.
func (l *logFile) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(l.name), 0o750); err != nil {
		return fmt.Errorf("create the log's folder: %w", err)
	}
	if !l.append && l.file == nil {
		l.shift()
	}
	return l.open()
}

func (l *logFile) open() error {
	// Logs name accounts: they are not everyone's affair.
	f, err := os.OpenFile(l.numbered(0), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("open the log: %w", err)
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write writes one whole line.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, os.ErrClosed
	}
	if l.limit > 0 && l.size > 0 && l.size+int64(len(line)) > l.limit {
		l.shift()
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// shift gives each file the next number. A file that cannot be renamed is
// written on: a log that is too long is better than none.
func (l *logFile) shift() {
	for n := l.count - 1; n > 0; n-- {
		_ = os.Rename(l.numbered(n-1), l.numbered(n))
	}
	if l.count == 1 {
		_ = os.Remove(l.numbered(0))
	}
}

func (l *logFile) numbered(n int) string { return l.name + "." + strconv.Itoa(n) }

// Close closes the file; what is logged later is lost.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}
