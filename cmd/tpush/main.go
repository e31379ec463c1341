// Command tpush is a push service for XMPP: it reads a Tigase config.tdsl,
// connects to XMPP servers as an external component, and turns their
// notifications into pushes through APNs and FCM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitGood   = 0
	exitFailed = 1 // the thing asked for failed or was found
	exitConfig = 2 // configuration or usage
)

// cli is the command line.
type cli struct {
	Run         runCommand         `cmd:"" default:"withargs" help:"Serve pushes (the default)."`
	Check       checkCommand       `cmd:"" help:"Say what is wrong with a configuration; opens no connection."`
	Beans       beansCommand       `cmd:"" help:"Show what a configuration makes of the program, as a tree."`
	Dump        dumpCommand        `cmd:"" help:"Print the effective configuration, secrets masked; or the file as read."`
	Explain     explainCommand     `cmd:"" help:"Say why pushes to a user arrive, or do not."`
	Fmt         fmtCommand         `cmd:"" help:"Lay a configuration out; its meaning and its comments stay."`
	Bench       benchCommand       `cmd:"" help:"Measure this program under load, between simulators."`
	Measured    measuredCommand    `cmd:"" hidden:"" help:"Serve pushes, and print at the end what it took."`
	Simulate    simulateCommand    `cmd:"" hidden:"" help:"Be APNs and FCM for a measurement, until the input ends."`
	Schema      schemaCommand      `cmd:"" help:"Set up the tables in the database, or look at them."`
	Demo        demoCommand        `cmd:"" help:"Show how a device is registered, a message published, and a push arrives."`
	Devices     devicesCommand     `cmd:"" help:"Look at the registered devices, remove, export and import them."`
	Certificate certificateCommand `cmd:"" help:"Work on the certificates that are kept in the database."`
	Doctor      doctorCommand      `cmd:"" help:"Look at everything that pushes depend on, and say what to do about it."`
	Send        sendCommand        `cmd:"" help:"Send a test notification through the running program."`
	Help        helpCommand        `cmd:"" help:"Show a page for administrators."`
	Version     kong.VersionFlag   `help:"Print the version."`
}

// streams are where commands write.
type streams struct{ out, err io.Writer }

// exit is an error that is only an exit code: what there is to say is said.
type exit int

// Error names the code.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	runtime.MemProfileRate = 0 // nobody asks for that profile, and its tables take 1.5 MB
	os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// subcommand is what a command line asks for.
type subcommand interface {
	Run(context.Context, streams) error
}

// run runs one command and returns its exit code.
func run(args []string, io streams) int {
	cmd, code := parse(args, io)
	if cmd == nil {
		return code
	}
	err := cmd.Run(context.Background(), io)
	var only exit
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &only):
		return int(only)
	}
	fmt.Fprintf(io.err, "tpush: %v\n", err)
	return exitFailed
}

// parse reads a command line: into a command, or an exit code where all is said.
// The parser is not kept while the command runs; it takes 0.7 MB.
func parse(args []string, io streams) (cmd subcommand, code int) {
	var c cli
	code = -1
	parser, err := kong.New(&c,
		kong.Name("tpush"),
		kong.Description("A push service for XMPP, in place of Tigase's push component."),
		kong.Vars{"version": "tpush " + buildText()},
		kong.Writers(io.out, io.err),
		kong.Exit(func(n int) { code = n }),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintf(io.err, "tpush: %v\n", err)
		return nil, exitConfig
	}
	ctx, err := parser.Parse(args)
	if code >= 0 { // help or version was printed
		return nil, code
	}
	if err != nil {
		fmt.Fprintf(io.err, "tpush: %v\nTry tpush --help.\n", err)
		return nil, exitConfig
	}
	return ctx.Selected().Target.Addr().Interface().(subcommand), exitGood
}
