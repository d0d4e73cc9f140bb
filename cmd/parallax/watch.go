// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/run/watch"
	"github.com/parallax-ssl/parallax/train"
)

func watchCommand() *cobra.Command {
	plain, once := false, false
	every := time.Minute
	c := &cobra.Command{
		Use:   "watch [DIR] [--plain | --once]",
		Short: "Show a run in the terminal, live: curves and the diagnosis",
		Long: `Watch shows a run in the terminal while it goes on: its curves, the guard's diagnosis, the last
events, and the time that is left. DIR is a run directory, or a folder with runs at any depth, from which
you choose one; default runs. Keys: q quits, Tab shows the next curves, 1 to 8 choose the first one, l takes
the logarithm, s smooths, t draws over the time of training, Esc goes back to the runs.

--plain prints lines instead: one for each evaluation, alarm, checkpoint and end, and one at least every
--every while the run goes on. It ends with the run: with status 0 if the run reached its end, 3 if it
collapsed, and 1 if it was stopped or its process is gone. It is the default where the output is no terminal.
--once prints how the run stands and ends.` + statuses(exit.Collapse, exit.OfSignal(syscall.SIGINT),
			exit.OfSignal(syscall.SIGTERM)),
		Example: `  parallax watch
  parallax watch runs/byol-1
  parallax watch runs/byol-1 --plain && parallax embed --run runs/byol-1 --data photos`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "runs"
			if len(args) > 0 {
				dir = args[0]
			}
			if every < time.Second {
				return usage(fmt.Errorf("--every %v: give 1s or more", every))
			}
			out := c.OutOrStdout()
			screen, isFile := out.(*os.File)
			terminal := isFile && term.IsTerminal(int(screen.Fd())) && term.IsTerminal(int(os.Stdin.Fd()))
			if terminal && !plain && !once {
				return watch.Screen(c.Context(), os.Stdin, out, dir)
			}
			outliveReader()
			if once {
				width := 100
				if terminal {
					if w, _, err := term.GetSize(int(screen.Fd())); err == nil {
						width = w
					}
				}
				return watch.Once(out, dir, width)
			}
			tidying.Store(true)
			defer tidying.Store(false)
			err := watch.Lines(c.Context(), out, dir, every)
			if errors.Is(err, watch.ErrCollapsed) {
				err = errors.Join(err, train.ErrCollapsed)
			}
			return err
		},
	}
	c.Flags().BoolVar(&plain, "plain", false, "print lines, without filling the screen; ends with the run")
	c.Flags().BoolVar(&once, "once", false, "print how the run stands, and end")
	c.Flags().DurationVar(&every, "every", every, "with --plain, the time between two lines without news")
	c.MarkFlagsMutuallyExclusive("plain", "once")
	return c
}
