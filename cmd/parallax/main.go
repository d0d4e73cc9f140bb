// SPDX-License-Identifier: Apache-2.0

// Command parallax pretrains image encoders without labels.
//
//	parallax pretrain --data photos --method simsiam
//	parallax pretrain --resume runs/simsiam-1
//	parallax cluster --data photos --classes 10
//	parallax sweep --data photos --method simclr,vicreg --seeds 3
//	parallax compare runs
//	parallax eval knn --run runs/simsiam-1
//	parallax embed --run runs/simsiam-1 --data photos --out photos.parquet
//	parallax similar new.jpg --in photos.parquet --run runs/simsiam-1
//	parallax export --run runs/simsiam-1 --out encoder.onnx
//	parallax serve --run runs/simsiam-1
//	parallax methods simclr
//	parallax views --data photos --method byol --out views.png
//	parallax pack --data photos --out photos.pack --size 256
//	parallax doctor
//
// Every command explains itself with --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/internal/crash"
	_ "github.com/parallax-ssl/parallax/internal/early" // refuses limits with which Go could not start
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/spelling"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

func main() { os.Exit(execute(command())) }

// execute runs the command line, prints why it failed, and returns the exit status.
func execute(c *cobra.Command) int {
	// A crash that cannot be caught, of Go's runtime or in C, then ends with SIGABRT. Go's own status, 2, would look
	// like a mistake in the command line.
	debug.SetTraceback("crash")
	limitHeap()
	limitProcs()
	err := attempt(untilSignal(), c)
	if _, stopped := asInterruption(err); err != nil && !stopped && !said(err) && !errors.Is(err, train.ErrStopped) {
		complain(err)
	}
	return exitStatus(err)
}

// limitHeap makes Go collect garbage more often when its heap comes near to half of the memory that this process may
// use. The other half is the engine's. The variable GOMEMLIMIT sets another limit.
func limitHeap() {
	if total, _ := machine.Memory(); os.Getenv("GOMEMLIMIT") == "" && total < math.MaxInt64 {
		debug.SetMemoryLimit(max(int64(total/2), 64<<20))
	}
}

// enough refuses, before anything is made, a limit of memory below what the engine takes, and a working folder that has
// been removed. There the engine's library of mathematics would end the process with the status of a mistake in the
// command line.
func enough(*cobra.Command, []string) error {
	if _, err := os.Getwd(); err != nil {
		return fmt.Errorf("the working folder has been removed (%w): change to another one", err)
	}
	return torch.Enough()
}

// attempt runs the command line. A panic becomes an error.
func attempt(ctx context.Context, c *cobra.Command) (err error) {
	defer crash.Recover(&err)
	err = c.ExecuteContext(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return err
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
		Example: `  parallax pretrain --data photos --method simsiam                     train on a folder of images
  parallax pretrain --resume runs/simsiam-1                            resume a run that was stopped
  parallax dashboard                                                   show runs in a browser, live
  parallax sweep --data photos --method simclr,vicreg --seeds 3        train several, and compare them
  parallax eval knn --run runs/simsiam-1                               measure how good an encoder is
  parallax embed --run runs/simsiam-1 --data photos --out all.parquet  compute embeddings
  parallax similar new.jpg --in all.parquet --run runs/simsiam-1       find look-alikes
  parallax export --run runs/simsiam-1 --out encoder.onnx              write an encoder for other programs
  parallax serve --run runs/simsiam-1                                  answer HTTP requests with embeddings
  parallax cluster --data photos --classes 10                          sort images into clusters
  parallax methods                                                     list the methods
  parallax views --data photos --method byol                           draw what a method sees
  parallax pack --data photos --out photos.pack                        decode images once, for fast loading`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(unknownCommand(c, args[0]))
			}
			return nil
		},
		PersistentPreRun: warnCrowded,
		RunE:             func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(flagError(c, err)) })
	root.SetVersionTemplate(versionText())
	root.AddCommand(
		pretrainCommand(),
		clusterCommand(),
		embedCommand(),
		similarCommand(),
		duplicatesCommand(),
		outliersCommand(),
		selectCommand(),
		mapCommand(),
		evalCommand(),
		exportCommand(),
		importCommand(),
		serveCommand(), dashboardCommand(), reportCommand(),
		compareCommand(), sweepCommand(), watchCommand(),
		labCommand(),
		methodsCommand(),
		viewsCommand(),
		packCommand(),
		planCommand(),
		doctorCommand(),
		versionCommand(),
	)
	takeOnce(root)
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
