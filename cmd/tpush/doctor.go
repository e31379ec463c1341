package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
	"golang.org/x/term"
)

// doctorCommand looks at everything that pushes depend on and says what to do
// about what is not well.
type doctorCommand struct {
	source
	Activate []string `help:"Look at a bean, too, that the file marks active: false." placeholder:"NAME"`
	JSON     bool     `name:"json" help:"Print JSON."`
}

// mark is how it stands with one thing.
type mark string

const (
	well    mark = "ok"
	warning mark = "warning"
	ill     mark = "error"
)

// diagnosis is one finding.
type diagnosis struct {
	Subject string `json:"subject"`
	Mark    mark   `json:"mark"`
	Text    string `json:"text"`
	Cure    string `json:"cure,omitempty"`
}

// doctor looks at one installation.
type doctor struct {
	src     *source
	file    *tdsl.File
	graph   *beans.Graph
	running bool // the program runs already
	say     func(diagnosis)
}

// Run implements the command.
func (c *doctorCommand) Run(ctx context.Context, io streams) error {
	ctx, stop := signalled(ctx)
	defer stop()
	file, err := c.load(io.err)
	if err != nil {
		return err
	}
	found := []diagnosis{}
	out := newDoctorPage(io.out)
	d := &doctor{src: &c.source, file: file, say: func(x diagnosis) {
		found = append(found, x)
		if !c.JSON {
			out.print(x)
		}
	}}
	d.examine(ctx, c.Activate)
	count := map[mark]int{}
	for _, x := range found {
		count[x.Mark]++
	}
	if c.JSON {
		e := json.NewEncoder(io.out)
		e.SetIndent("", "  ")
		if err := e.Encode(found); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(io.out, "\n%d good, %s, %s\n", count[well], plural(count[warning], "warning"), plural(count[ill], "error"))
	}
	if count[ill] > 0 {
		return exit(exitFailed)
	}
	return nil
}

// examine looks at one subject after the other; each goes on as well as it can
// when one before it is ill.
func (d *doctor) examine(ctx context.Context, activate []string) {
	g, buildErr := beans.Build(ctx, d.file, d.src.environment(d.file), classes(d.src.Home), slog.New(slog.DiscardHandler), activate...)
	d.graph = g
	defer g.Close()
	d.configuration(ctx, buildErr)
	if buildErr != nil {
		return
	}
	d.process(ctx)
	d.database(ctx)
	attempts := d.servers(ctx)
	d.names(ctx, attempts)
	d.credentials(ctx)
	d.pushServices(ctx)
	d.clock(ctx)
	d.http(ctx)
}

func (d *doctor) well(subject, format string, args ...any) {
	d.say(diagnosis{subject, well, fmt.Sprintf(format, args...), ""})
}

func (d *doctor) warn(subject, cure, format string, args ...any) {
	d.say(diagnosis{subject, warning, fmt.Sprintf(format, args...), cure})
}

func (d *doctor) ill(subject, cure, format string, args ...any) {
	d.say(diagnosis{subject, ill, fmt.Sprintf(format, args...), cure})
}

// doctorPage prints findings for people.
type doctorPage struct {
	out     io.Writer
	color   bool
	subject string
}

func newDoctorPage(w io.Writer) *doctorPage {
	f, isFile := w.(*os.File)
	return &doctorPage{out: w, color: isFile && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""}
}

func (p *doctorPage) print(x diagnosis) {
	if x.Subject != p.subject {
		p.subject = x.Subject
		fmt.Fprintf(p.out, "%s\n", x.Subject)
	}
	sign, color := "✓", green
	switch x.Mark {
	case warning:
		sign, color = "!", bold
	case ill:
		sign, color = "✗", red
	}
	if p.color {
		sign = "\x1b[" + color + "m" + sign + "\x1b[0m"
	}
	fmt.Fprintf(p.out, "  %s %s\n", sign, x.Text)
	if x.Cure != "" {
		fmt.Fprintf(p.out, "      → %s\n", x.Cure)
	}
}

// limited bounds one look at something outside.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 20*time.Second)
}
