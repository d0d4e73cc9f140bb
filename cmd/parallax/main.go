// SPDX-License-Identifier: Apache-2.0

// Command parallax pretrains image encoders without labels.
//
//	parallax pretrain --data photos --method simsiam
//	parallax pretrain --resume runs/simsiam-1
//	parallax cluster --data photos --classes 10
//	parallax eval knn --run runs/simsiam-1
//	parallax methods simclr
//	parallax views --data photos --method byol --out views.png
//	parallax doctor
//
// Every command explains itself with --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/internal/spelling"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Exit statuses besides 0 (done) and 1 (it could not be done).
const (
	exitUsage       = 2   // the command line or a configuration is wrong
	exitCollapse    = 3   // the run was stopped because it had collapsed, after a checkpoint
	exitData        = 65  // the loss became NaN or infinite
	exitEngine      = 69  // the engine library is missing
	exitDisk        = 74  // a file could not be written
	exitInterrupt   = 130 // SIGINT, after a checkpoint
	exitTermination = 143 // SIGTERM, after a checkpoint
)

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return "stopped by signal: " + i.signal.String() }

// asInterruption finds the interruption in err, however deep it is wrapped. A joined error that also reports a failure,
// for example of the last checkpoint, is not an interruption.
func asInterruption(err error) (interruption, bool) {
	for err != nil {
		if i, ok := err.(interruption); ok {
			return i, true
		}
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 {
			err = joined.Unwrap()[0]
			continue
		}
		err = errors.Unwrap(err)
	}
	return interruption{}, false
}

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		cancel(interruption{<-signals})
		signal.Stop(signals) // a second signal ends the process at once
	}()
	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	status := exitStatus(err)
	if status != exitInterrupt && status != exitTermination {
		fmt.Fprintln(os.Stderr, "parallax: "+oneLine(err))
	}
	os.Exit(status)
}

// oneLine is the error's text, joined errors separated by semicolons.
func oneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }

func exitStatus(err error) int {
	if stopped, ok := asInterruption(err); ok {
		if stopped.signal == syscall.SIGTERM {
			return exitTermination
		}
		return exitInterrupt
	}
	var invalid *run.InvalidError
	switch {
	case errors.As(err, &invalid):
		return exitUsage
	case errors.Is(err, train.ErrNonFinite):
		return exitData
	case errors.Is(err, train.ErrCollapsed):
		return exitCollapse
	case errors.Is(err, torch.ErrNoEngine):
		return exitEngine
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS),
		errors.Is(err, syscall.EIO), errors.Is(err, syscall.EFBIG), errors.Is(err, run.ErrUncertain):
		return exitDisk
	}
	return 1
}

// usage marks a mistake in the command line or a configuration.
func usage(err error) error { return run.Invalid(err) }

func command() *cobra.Command {
	cobra.EnableCommandSorting = false // help lists the commands in the order of their use
	root := &cobra.Command{
		Use:     "parallax",
		Version: version + revision(),
		Short:   "Pretrain image encoders without labels",
		Long: `Parallax pretrains image encoders without labels. Training draws two views of one image together in
feature space, and something keeps the representation from collapsing to a constant. The methods differ
in what that something is.`,
		Example: `  parallax pretrain --data photos --method simsiam      train on a folder of images
  parallax pretrain --resume runs/simsiam-1             resume a run that was stopped
  parallax cluster --data photos --classes 10           sort images into clusters
  parallax eval knn --run runs/simsiam-1                measure how good an encoder is
  parallax methods                                      list the methods
  parallax views --data photos --method byol            draw what a method sees`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(unknownCommand(c, args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(flagError(c, err)) })
	root.SetVersionTemplate(versionText())
	root.AddCommand(pretrainCommand(), clusterCommand(), evalCommand(), labCommand(), methodsCommand(), viewsCommand(),
		doctorCommand(), versionCommand())
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args, completion.RunE = nil, func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usage(unknownCommand(c, args[0]))
		}
	}
	return root
}

// helpCommand explains a command, as the command's --help does.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage(unknownCommand(root, args[0]))
			}
			return c.Help()
		},
	}
}

func unknownCommand(c *cobra.Command, name string) error {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return fmt.Errorf("unknown command %q: did you mean %q? (%s --help lists the commands)", name,
		spelling.Nearest(name, names), c.CommandPath())
}
