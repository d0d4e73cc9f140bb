// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/weights"
)

func importCommand() *cobra.Command {
	var (
		o            weights.Options
		asJSON, each bool
	)
	c := &cobra.Command{
		Use:   "import FILE --out FILE [--as ARCH]",
		Short: "Take an encoder from a checkpoint of another program",
		Long: `Import reads a checkpoint of torchvision, timm, solo-learn, lightly, VISSL, MoCo, DINO, Barlow Twins or
the like and writes an encoder.safetensors: every command takes it as an encoder, and pretraining starts
from it with --init. It reads safetensors and what torch.save writes (.pth, .pt, .ckpt, .pth.tar), with
half, bfloat16 and double precision converted to float32.

Nothing in the file is run. Names of Python that it asks for, such as omegaconf.DictConfig or os.system,
are not looked up but listed. The network is found by the names of its tensors, whatever stands before
them. Every entry of the file is accounted for: used, renamed, or left out and why. Weights that do not
fit are refused, because their features would be other ones.

Of DINO and its like the teacher is taken, as in their papers, and of others the network that was
trained; --which changes that. A file cannot say how images were normalised: without --mean and --std,
ImageNet's values are taken. With --size the positions of a ViT are interpolated as timm does; to
pretrain from it, give its stem, too: --set backbone.stem=patch16.` +
			statuses(exit.Data, exit.Engine, exit.Memory, exit.Output),
		Example: `  parallax import resnet50.pth --out encoder.safetensors
  parallax import last.ckpt --as resnet18 --out encoder.safetensors
  parallax import vit.pth --as vit_tiny_patch16_224 --size 96 --out vit.safetensors
  parallax import checkpoint.pth.tar --which teacher --dry-run --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("give one file to import (parallax import --help has examples)"))
			}
			return nil
		},
		PreRunE: enough,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := weights.Import(args[0], o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(r)
			}
			_, err = io.WriteString(c.OutOrStdout(), r.Text(each))
			return err
		},
	}
	fl := c.Flags()
	fl.StringVar(&o.Out, "out", "", "file to write")
	fl.StringVar(&o.As, "as", "", "architecture, as torchvision, timm or Parallax name it; default by the tensors")
	fl.BoolVar(&o.DryRun, "dry-run", false, "check everything and write nothing")
	fl.IntVar(&o.Size, "size", 0, "side of the images in pixels; default the network's own")
	fl.Float64SliceVar(&o.Mean, "mean", nil, "mean of `R,G,B` in 0 to 1, such as 0.5,0.5,0.5; default ImageNet's")
	fl.Float64SliceVar(&o.Std, "std", nil, "standard deviation of `R,G,B`; default ImageNet's")
	fl.Lookup("mean").DefValue, fl.Lookup("std").DefValue = "", ""
	fl.StringVar(&o.Stem, "stem", "", "of a ResNet: imagenet, small, strided or padded; default by its weights")
	fl.StringVar(&o.Which, "which", "", "student or teacher, of a file with both")
	fl.StringVar(&o.Prefix, "prefix", "", "take the network whose names begin with this")
	fl.StringVar(&o.License, "license", "", "licence of the weights, kept in the file's metadata")
	fl.BoolVar(&each, "keys", false, "a line for every entry of the file")
	fl.BoolVar(&asJSON, "json", false, "print the account as JSON")
	return c
}
