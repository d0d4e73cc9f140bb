// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/lab/report"
	"github.com/parallax-ssl/parallax/method"
)

func labReportCommand() *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Write the report of a laboratory",
		Long: `Report writes one HTML file that needs no network. It has every claim with its verdict, the atlas of
methods and switches, and for each experiment its curves, spectra, embeddings over time, and the commands that repeat
it. It covers the runs that have ended. When all have ended, lab run writes it, too.`,
		Example: "  parallax lab report runs/lab-1\n  parallax lab report runs/lab-1 --out report.html",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(fmt.Errorf("lab report needs one laboratory, the --out of lab run, and got %q", args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				l, err := lab.Open(args[0], claims.All)
				if err != nil {
					return err
				}
				return writeFindings(c.OutOrStdout(), l.Findings())
			}
			file, err := report.WriteFile(args[0], out, claims.All, methodTitles())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), file)
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write; default DIR/"+report.File)
	c.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON, and write nothing")
	c.MarkFlagsMutuallyExclusive("out", "json")
	return c
}

func writeFindings(w io.Writer, findings []lab.Finding) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(findings)
}

// methodTitles are the methods as reports of laboratories name them.
func methodTitles() (all report.Methods) {
	for _, e := range method.All {
		all = append(all, report.Method{Name: e.Name, Title: e.Title})
	}
	return all
}
