// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/export"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/run"
)

func exportCommand() *cobra.Command {
	var r export.Request
	var format string
	var asJSON bool
	c := &cobra.Command{
		Use:   "export --run DIR --out FILE",
		Short: "Write an encoder for PyTorch, ONNX Runtime and others",
		Long: `Export writes the encoder of a run in a format that other programs load:

  safetensors   the weights alone, under torchvision's names (timm's for a ViT), for load_state_dict
  torchscript   for torch.jit.load in Python and C++
  onnx          for ONNX Runtime and others
  pt2           for torch.export.load of PyTorch 2.11

The network takes normalised float32 images, N x 3 x H x W, and returns N x D features. N, H and W may
differ from call to call in every format. With --preprocess it takes the pixels, uint8 N x H x W x 3, and
scales and normalises them. It does not resize: no format's operators round as Pillow does, so images
must be resized and cropped before, as the model card says. A ViT's sides must not be below its patch.

The file is read again, and its features of real images are compared with those of the encoder, at
batches of 1, 2 and 7, at the size of training and at another, oblong one. The greatest difference is
printed. Above 1e-4 (float16: 2e-2), times the greatest feature if that is above 1, there is no file. The
images are the run's own, or those of --data.

Each file holds a model card: the network, how to prepare images, data and their fingerprint, method,
settings, metrics and licence. It is the metadata's entry "card", or the archive's extra file card.json.
--card writes it as a Markdown page, too.` +
			statuses(exit.Data, exit.Engine, exit.Memory, exit.Output, exit.OfSignal(syscall.SIGINT),
				exit.OfSignal(syscall.SIGPIPE)),
		Example: `  parallax export --run runs/simclr-1 --out encoder.onnx
  parallax export --run runs/simclr-1 --out encoder.pt --preprocess --card card.md --license CC-BY-4.0
  parallax export --run runs/simclr-1 --out half.pt2 --float16
  parallax export --run runs/simclr-1/encoder.safetensors --out weights.safetensors --data photos`,
		Args: noArguments, PreRunE: enough,
		RunE: func(c *cobra.Command, _ []string) error {
			if r.Run == "" || r.Out == "" {
				return usage(fmt.Errorf("name an encoder with --run and the file to write with --out"))
			}
			r.Format, r.Version = export.Format(format), version
			result, err := export.Write(c.Context(), r)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(result)
			}
			return run.Output("printing the result", printExport(c.OutOrStdout(), result))
		},
	}
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	fl := c.Flags()
	fl.StringVar(&r.Run, "run", "", "the run's directory, or an encoder's file (see parallax import)")
	fl.StringVar(&r.Out, "out", "", "the file to write")
	fl.StringVar(&format, "format", "", strings.Join(names, ", ")+"; default by the ending of --out")
	fl.BoolVar(&r.Preprocess, "preprocess", false, "take uint8 pixels, N x H x W x 3, and normalise them")
	fl.BoolVar(&r.Half, "float16", false, "weights and arithmetic in float16; input and output stay as they are")
	fl.IntVar(&r.Opset, "opset", 0, fmt.Sprintf("version of ONNX's operators, %d to %d; default %d", export.LeastOpset,
		export.MostOpset, export.DefaultOpset))
	fl.StringVar(&r.License, "license", "", "licence of the weights, for the model card")
	fl.StringVar(&r.Card, "card", "", "also write the model card to this Markdown file")
	fl.StringVar(&r.Data, "data", "",
		"images for the comparison: a folder, an archive, or synthetic; default the run's own")
	fl.IntVar(&r.Threads, "threads", 0, "threads of the engine; default one per core")
	fl.BoolVar(&r.Force, "force", false, "replace files that exist")
	fl.BoolVar(&asJSON, "json", false, "print the result as JSON")
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// printExport prints what was written, and how it was compared.
func printExport(w io.Writer, r *export.Result) error {
	greatest := 0.
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, %.1f MB\n", r.Path, r.Card.Format, r.Card.Network, float64(r.Bytes)/1e6)
	fmt.Fprintf(&b, "input   %s\noutput  %s\nload    %s\n", r.Card.Input, r.Card.Output, r.Card.Module)
	for _, c := range r.Comparisons {
		greatest = math.Max(greatest, c.Difference)
		fmt.Fprintf(&b, "%d images of %d x %d: differs from the encoder by at most %.2g\n", c.Images, c.Height, c.Width,
			c.Difference)
	}
	fmt.Fprintf(&b, "greatest difference %.2g (allowed %.2g)\n", greatest, r.Tolerance)
	_, err := io.WriteString(w, b.String())
	return err
}
