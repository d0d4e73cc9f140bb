// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/pretrain"
)

// launch starts the processes of this machine and waits for them, if this process is not one of them. launched says
// whether it did.
func (f *pretrainFlags) launch(ctx context.Context, out io.Writer) (launched bool, err error) {
	place, nodes, err := dist.Find()
	switch {
	case err != nil:
		return false, usage(err)
	case f.nproc < 1:
		return false, usage(fmt.Errorf("--nproc %d: give the number of processes, at least 1", f.nproc))
	case place != nil && f.nproc > 1 && !dist.Launched():
		return false, usage(fmt.Errorf("this is %s: leave out --nproc", place))
	case place != nil || nodes == nil && f.nproc == 1:
		f.place = place
		return false, nil
	case nodes == nil:
		nodes = &dist.Nodes{Nodes: 1, PerNode: f.nproc}
	case f.nproc > 1:
		return false, usage(errors.New("PET_NPROC_PER_NODE says how many processes each machine starts: leave out " +
			"--nproc"))
	}
	if nodes.PerNode == 0 {
		nodes.PerNode = 1 // a processor is one device
	}
	program, err := os.Executable()
	if err != nil {
		return true, err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1,
		syscall.SIGUSR2, syscall.SIGXCPU)
	defer signal.Stop(signals)
	tidying.Store(true) // the processes take the signals
	err = dist.Launch(context.WithoutCancel(ctx), dist.Command{
		Path: program, Args: os.Args[1:], Nodes: *nodes, Stdout: out, Stderr: os.Stderr,
		Signals: signals, Lost: exit.Lost,
	})
	if stopped(err) && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return true, err
}

// join tells a run of its place among several processes. The chief speaks for all, apart from errors: of the others
// nothing is shown.
func (f *pretrainFlags) join(o *pretrain.Options, end func(*pretrain.Result, error)) func(*pretrain.Result, error) {
	if f.place == nil {
		return end
	}
	o.Place, o.Wait = f.place, f.timeout
	note := o.Note
	if f.place.Rank > 0 {
		o.Note, o.Watch, end = nil, nil, func(*pretrain.Result, error) {}
	}
	o.Joined = func(p *dist.Processes) {
		tidying.Store(true) // also in a process that shows nothing
		if p.Chief() {
			note(f.place.String())
		}
	}
	return end
}

// stopped reports whether processes that a signal was passed on to have ended as it wants.
func stopped(err error) bool {
	ended := (*dist.EndedError)(nil)
	return err == nil || errors.As(err, &ended) && ended.Signal == "" && ended.Status > exit.OfSignal(0)
}

// said reports whether another process has printed why this one ends: the one that failed, for a launcher and for those
// that it has started beside it.
func said(err error) bool {
	ended, lost := (*dist.EndedError)(nil), (*dist.LostError)(nil)
	return errors.As(err, &ended) && ended.Signal == "" || errors.As(err, &lost) && lost.Said && dist.Launched()
}
