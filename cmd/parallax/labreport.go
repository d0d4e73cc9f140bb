// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

func labReportCommand() *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Write the report of a laboratory",
		Long: `Report writes one HTML file that needs no network: every claim with its verdict, the atlas of methods and switches, and for
each experiment its curves, spectra, embeddings over time, and the commands that run it again. It is of the runs that have
ended; lab run writes it by itself when all have.`,
		Example: "  parallax lab report runs/lab-1\n  parallax lab report runs/lab-1 --out report.html",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(fmt.Errorf("lab report needs one laboratory, the --out of lab run, but got %q", args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				findings, err := lab.Findings(args[0])
				if err != nil {
					return err
				}
				return writeFindings(c.OutOrStdout(), findings)
			}
			file, err := writeReport(args[0], out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), file)
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write; default DIR/"+lab.ReportFile)
	c.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON, and write nothing")
	c.MarkFlagsMutuallyExclusive("out", "json")
	return c
}

func writeFindings(w io.Writer, findings []lab.Finding) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(findings)
}

// writeReport writes the report of the laboratory in dir to file, by default beside its runs, and returns where.
func writeReport(dir, file string) (string, error) {
	if file == "" {
		file = filepath.Join(dir, lab.ReportFile)
	}
	if _, err := lab.ReadPlan(dir); err != nil {
		return "", err // before anything is written
	}
	err := run.WriteFile(file, func(w io.Writer) error { return lab.Report(dir, w) })
	if err != nil {
		return "", fmt.Errorf("writing the report of %s: %w", dir, err)
	}
	return file, nil
}
