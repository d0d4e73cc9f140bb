// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/run/report"
)

func reportCommand() *cobra.Command {
	var dir, out string
	c := &cobra.Command{
		Use:   "report --run DIR [--out FILE.html]",
		Short: "Write what a run was as one HTML file",
		Long: `Report writes one HTML file that can be mailed: what a run was, its scores and curves, the diagnosis with
its numbers, views as training drew them, a map of the embedding with nearest neighbours, the settings, and the
commands that repeat it. It has less than 2 MB and needs neither a network nor a script.

The map is of the features that the run kept, or else of some images by its encoder. Views and neighbours need
the images where they were. What is gone is missing in the report, which says why. A run may still go on. When
it ends, pretrain writes its report.` +
			statuses(),
		Example: "  parallax report --run runs/simsiam-1\n  parallax report --run runs/simsiam-1 --out simsiam.html",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage(errors.New("report needs a run: give --run DIR"))
			}
			o := report.Options{Method: methodOf(dir), Version: version + revision(),
				Features: func(ctx context.Context) (*features.Sample, error) {
					return encoder.Sample(ctx, dir, features.MostImages)
				}}
			file, err := report.WriteFile(c.Context(), dir, out, o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), file)
			return err
		},
	}
	c.Flags().StringVar(&dir, "run", "", "run directory")
	c.Flags().StringVar(&out, "out", "", "file to write; default DIR/"+run.ReportFile)
	return c
}

// methodOf returns what is known of the method of a run. It is empty for a method that is not in the list.
func methodOf(dir string) report.Method {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return report.Method{}
	}
	name, err := config.MethodOf(text, run.ConfigFile)
	if err != nil {
		return report.Method{}
	}
	e, err := method.Find(name, method.Later...)
	if err != nil {
		return report.Method{}
	}
	return report.Method{Title: e.Title, Paper: e.Paper, Equation: e.Equation, Collapse: e.Collapse}
}
