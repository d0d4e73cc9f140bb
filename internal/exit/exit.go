// SPDX-License-Identifier: Apache-2.0

// Package exit has the exit statuses of the command, for the command itself, its help and its page.
package exit

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Status is one way in which a command ends. Scripts and job schedulers tell them apart by the number.
type Status struct {
	Number int
	Name   string // as in sysexits.h of BSD, or the name of the signal
	When   string // in a few words, for the help
	More   string // one or two sentences, for the page
}

// The statuses. Those from 64 to 78 have the numbers of sysexits.h. A status above 128 is 128 and the number of a
// signal, as a shell reports it.
const (
	Done     = 0
	Failure  = 1
	Usage    = 2
	Collapse = 3
	Data     = 65
	Engine   = 69
	Software = 70
	Memory   = 71
	Output   = 74
	Lost     = 75
)

// OfSignal returns the status of a command that a signal ended.
func OfSignal(s syscall.Signal) int { return 128 + int(s) }

// All are the statuses of all commands, by number.
var All = []Status{
	{Done, "OK", "done", "Also when the reader of a run's output went away: the run trains to its end without one."},
	{Failure, "", "it could not be done",
		"For example, the data cannot be read, or another process uses the directory."},
	{Usage, "", "a mistake in the command line or configuration", "Nothing was started or written."},
	{Collapse, "", "stopped because it had collapsed", "With --on-collapse stop or rewind, after a checkpoint."},
	{Data, "EX_DATAERR", "the loss, weights or embeddings became NaN or infinite",
		"The message names what became so first, and the step. The last good checkpoint is kept."},
	{Engine, "EX_UNAVAILABLE", "the engine library is missing", "The message says where it was looked for."},
	{Software, "EX_SOFTWARE", "an internal error",
		"A fault of Parallax: please report it, with the file that the message names. The last checkpoint is kept."},
	{Memory, "EX_OSERR", "not enough memory",
		"The message names the limit, or what asked for how much. The last checkpoint is kept."},
	{Output, "EX_IOERR", "a file or folder could not be written",
		"A full disk, a quota, a missing permission, a removed folder, too many open files, and the like, in the " +
			"output. The last checkpoint is kept. Data that cannot be read is status 1."},
	{Lost, "EX_TEMPFAIL", "another process of the run is gone",
		"The message names it. The last checkpoint is kept, and the run can be started again as it is."},
	ofSignal(syscall.SIGHUP, "SIGHUP", "", "The terminal or the connection was closed. A run under nohup goes on."),
	ofSignal(syscall.SIGINT, "SIGINT", "", "Ctrl-C. A second Ctrl-C ends the command at once, without a checkpoint."),
	ofSignal(syscall.SIGQUIT, "SIGQUIT", "", "Ctrl-\\. As SIGINT."),
	ofSignal(syscall.SIGABRT, "SIGABRT", "an internal error that could not be caught",
		"Go's runtime or a library has printed why, for example that the system refused memory. Please report it. "+
			"The last checkpoint is kept."),
	ofSignal(syscall.SIGPIPE, "SIGPIPE", "the reader of the output went away",
		"Only of commands whose output is their purpose, such as methods."),
	ofSignal(syscall.SIGTERM, "SIGTERM", "", "As job schedulers, service managers and timeout send it."),
	ofSignal(syscall.SIGXCPU, "SIGXCPU", "", "The limit of processor time (ulimit -t)."),
}

func ofSignal(s syscall.Signal, name, when, more string) Status {
	if when == "" {
		when = "stopped by " + name
	}
	return Status{OfSignal(s), name, when, more}
}

// Of returns the statuses of commands: those that all commands share, and the others that are named.
func Of(others ...int) (list []Status) {
	shared := []int{Done, Failure, Usage, Software, OfSignal(syscall.SIGABRT)}
	for _, s := range All {
		if slices.Contains(shared, s.Number) || slices.Contains(others, s.Number) {
			list = append(list, s)
		}
	}
	return list
}

// Help returns the statuses as the last sentence of a help text, in lines of at most width characters. The signals that
// stop a command share one item.
func Help(list []Status, width int) string {
	var items, numbers, names []string
	for _, s := range list {
		if s.When == "stopped by "+s.Name {
			numbers, names = append(numbers, fmt.Sprint(s.Number)), append(names, s.Name)
			continue
		}
		items = append(items, fmt.Sprintf("%d %s", s.Number, s.When))
	}
	if len(numbers) > 0 {
		items = append(items, enumerated(numbers)+" stopped by "+enumerated(names))
	}
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields("Exit statuses: " + strings.Join(items, ", ") + ".") {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// enumerated joins words as a sentence does: "a, b and c".
func enumerated(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
