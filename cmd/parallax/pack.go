// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dataset/pack"
	"github.com/parallax-ssl/parallax/embed"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
)

func packCommand() *cobra.Command {
	var q pack.Request
	var verify string
	var shard size
	var asJSON bool
	c := &cobra.Command{
		Use:   "pack --data PATH --out DIR",
		Short: "Write images into a pack: a few large files that are fast to read",
		Long: `Pack writes the images of any data set into a folder of a few large files, a pack. Every command takes it
as --data PACK, and finds there what it would find in the data itself: names, splits, labels, and images that
cannot be read. The images are kept as

  decoded  pixels, which need no decoding: for small images, or with --size
  files    the bytes of the image files, in any format: for a folder of many small files
  jpeg     JPEG files of --quality: much smaller than pixels
  png      PNG files: the same pixels in less space, slow to decode

--size N makes images smaller whose shorter side is longer than N pixels, by Pillow's bicubic filter, and
enlarges none. Without --size, and not as jpeg, the pixels are those of the data: a run on the pack is bit for
bit the run on the data, and a run that began on one resumes on the other. With other pixels it is refused.

An image that cannot be read stays one that cannot be read, and is listed in quarantine.jsonl. A pack is made
in DIR.partial and gets its name when it is complete: after an interruption, the same command goes on there,
and the pack has the same bytes as without one. What is read from a pack is compared with its checksum;
--verify reads all of a pack, and names each damaged file and image.` +
			statuses(exit.Memory, exit.Output, exit.OfSignal(syscall.SIGHUP), exit.OfSignal(syscall.SIGINT),
				exit.OfSignal(syscall.SIGTERM)),
		Example: `  parallax pack --data photos --out photos.pack --size 256
  parallax pack --data imagenet --out imagenet.pack --as jpeg --size 256
  parallax pack --data shards.tar --out all.pack --as files
  parallax pretrain --data photos.pack --method simsiam
  parallax pack --verify photos.pack`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			outliveReader()
			if verify != "" {
				if q.Data != "" || q.Out != "" {
					return usage(errors.New("--verify looks at a pack, and --data and --out make one: leave them out"))
				}
				return verifyPack(c, verify, asJSON)
			}
			q.ShardSize = int64(shard)
			bar := newEmbedBar(os.Stderr)
			q.Progress = func(p pack.Progress) { bar.show(embed.Progress(p)) }
			tidying.Store(true)
			r, err := pack.Run(c.Context(), q)
			tidying.Store(false)
			bar.end()
			if _, stopped := asInterruption(err); stopped {
				fmt.Fprintf(os.Stderr, "parallax: %s: finished shards are kept: the same command goes on\n",
					oneLine(err))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return forReader(json.NewEncoder(c.OutOrStdout()).Encode(r))
			}
			return forReader(printPacked(c.OutOrStdout(), r))
		},
	}
	fl := c.Flags()
	fl.StringVar(&q.Data, "data", "", "images: a folder, an archive, a list, a pattern, or synthetic")
	fl.StringVar(&q.Out, "out", "", "the folder to make")
	fl.StringVar(&q.As, "as", pack.Decoded, "what to keep of an image: "+strings.Join(pack.Forms(), ", "))
	fl.IntVar(&q.Quality, "quality", 0, fmt.Sprintf("of --as jpeg, 1 to 100; default %d", pack.DefaultQuality))
	fl.IntVar(&q.Size, "size", 0, "shorter side of larger images in pixels; default all stay as they are")
	fl.Var(&shard, "shard-size", "size of a file of the pack, such as 256MiB; default 1GiB")
	fl.StringVar(&q.Labels, "labels", "",
		"none, folders, or a CSV file of path,label, for good; default by the data when the pack is read")
	fl.StringVar(&q.Split, "split", "", "train, val, test, all, or none (no folder is a split); default all")
	fl.StringVar(&q.Channels, "channels", "", "as for pretrain")
	fl.Float64Var(&q.MaxUnreadable, "max-unreadable", dataset.DefaultMaxUnreadable,
		"share of the images that may be unreadable")
	fl.IntVar(&q.Workers, "workers", 0, "threads that read images; default one per core")
	fl.BoolVar(&q.Force, "force", false, "replace a pack that exists, and forget an interrupted command")
	fl.StringVar(&verify, "verify", "", "a pack whose checksums to compare; makes none")
	fl.BoolVar(&asJSON, "json", false, "print the result as JSON")
	c.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(pack.Forms(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// printPacked prints what was written.
func printPacked(w io.Writer, r *pack.Result) error {
	var b strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintln(&b, printable.Text(n))
	}
	if r.Resumed > 0 {
		fmt.Fprintf(&b, "resumed after %d images\n", r.Resumed)
	}
	if r.Failed > 0 {
		fmt.Fprintf(&b, "%d images cannot be read: %s says which and why\n", r.Failed,
			printable.Name(filepath.Join(r.Out, run.QuarantineFile)))
	}
	fmt.Fprintf(&b, "%s: %d images (%s), %s\n", printable.Name(r.Out), r.Images, r.As, inShards(r.Bytes, r.Shards))
	_, err := io.WriteString(w, b.String())
	return err
}

// inShards says how large a pack is.
func inShards(bytes int64, shards int) string {
	text := fmt.Sprintf("%s in %d shard", humanize.IBytes(uint64(bytes)), shards)
	if shards != 1 {
		text += "s"
	}
	return text
}

// verifyPack compares the checksums of a pack.
func verifyPack(c *cobra.Command, dir string, asJSON bool) error {
	bar := newEmbedBar(os.Stderr)
	r, err := pack.Verify(c.Context(), dir, func(p pack.Progress) { bar.show(embed.Progress(p)) })
	bar.end()
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(c.OutOrStdout()).Encode(r)
	} else {
		err = printChecked(c.OutOrStdout(), r)
	}
	if err = forReader(err); err != nil || len(r.Damaged) == 0 {
		return err
	}
	return fmt.Errorf("the pack %s is damaged: copy it again, or pack the data again", printable.Name(dir))
}

func printChecked(w io.Writer, r *pack.Checked) error {
	var b strings.Builder
	for _, d := range r.Damaged {
		fmt.Fprintf(&b, "%s: %s", d.File, printable.Text(d.Reason))
		if d.Images > 0 {
			fmt.Fprintf(&b, ": %d images", d.Images)
		}
		if len(d.Names) > 0 {
			fmt.Fprintf(&b, ", such as %s", printable.Names(d.Names))
		}
		fmt.Fprintln(&b)
	}
	if len(r.Damaged) == 0 {
		fmt.Fprintf(&b, "%s is whole: %d images, %s\n", printable.Name(r.Pack), r.Images, inShards(r.Bytes, r.Shards))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
