// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/dashboard"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/exit"
)

func dashboardCommand() *cobra.Command {
	var o dashboard.Options
	var tokenFile string
	verbose := false
	c := &cobra.Command{
		Use:   "dashboard [DIR...] [--addr HOST:PORT]",
		Short: "Show runs, clusterings and laboratories in a browser, live",
		Long: `Dashboard shows the runs, clusterings and laboratories in folders, at any depth, in a browser, and
keeps the pages up to date while runs go on. Without folders it takes runs. It needs no network, and asks nothing of
other machines.

The address that it prints holds a token, with which notes can be written. On the loopback anyone on this
machine may look without it; on an address that other machines can reach every request needs it. Give a token
of your own in --token-file or $PARALLAX_TOKEN, of 22 characters or more.` +
			statuses(exit.Output, exit.OfSignal(syscall.SIGINT), exit.OfSignal(syscall.SIGTERM)),
		Example: `  parallax dashboard
  parallax dashboard runs /data/old-runs --addr 127.0.0.1:9000`,
		RunE: func(c *cobra.Command, args []string) error {
			if o.Dirs = args; len(args) == 0 {
				o.Dirs = []string{"runs"}
			}
			var err error
			if o.Token, err = token(tokenFile); err != nil {
				return usage(err)
			}
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			o.Methods = methodTitles()
			o.Listening = func(url string) { fmt.Fprintln(c.OutOrStdout(), url) }
			outliveReader()
			tidying.Store(true)
			defer tidying.Store(false)
			var engine encoder.Checkpoints
			o.Engine = &engine
			return errors.Join(dashboard.Run(c.Context(), o), engine.Close())
		},
	}
	fl := c.Flags()
	fl.StringVar(&o.Addr, "addr", dashboard.DefaultAddr, "address to listen on; port 0 is any free one")
	fl.StringVar(&tokenFile, "token-file", "", "file with the token; default $"+tokenVariable+", or a random one")
	fl.BoolVar(&verbose, "verbose", false, "log every request")
	return c
}
