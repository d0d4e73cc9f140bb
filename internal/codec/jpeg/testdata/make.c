// SPDX-License-Identifier: Apache-2.0
// Writes a JPEG file with libjpeg's encoder: make OUT WIDTH HEIGHT SPACE FACTORS PROCESS QUALITY RESTART SEED. SPACE is
// grey, ycc, rgb, cmyk or ycck, FACTORS has two digits for each component, PROCESS is baseline, split (a scan for each
// component), progressive or refined (progressive with as many scans as can be), and an a before it for arithmetic coding.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

static jpeg_scan_info scans[64];
static int count;

static void scan(int component, int first, int last, int high, int low) {
	jpeg_scan_info s = {1, {component}, first, last, high, low};
	scans[count++] = s;
}

int main(int argc, char **argv) {
	if (argc != 10) return 2;
	const char *space = argv[4], *factors = argv[5], *process = argv[6];
	struct jpeg_compress_struct j;
	struct jpeg_error_mgr errors;
	j.err = jpeg_std_error(&errors);
	jpeg_create_compress(&j);
	j.image_width = atoi(argv[2]);
	j.image_height = atoi(argv[3]);
	int n = j.input_components = !strcmp(space, "grey") ? 1 : space[strlen(space) - 1] == 'k' ? 4 : 3;
	j.in_color_space = n == 1 ? JCS_GRAYSCALE : n == 3 ? JCS_RGB : JCS_CMYK;
	jpeg_set_defaults(&j);
	jpeg_set_colorspace(&j, n == 1 ? JCS_GRAYSCALE : !strcmp(space, "ycc") ? JCS_YCbCr : !strcmp(space, "rgb") ? JCS_RGB :
	                    !strcmp(space, "cmyk") ? JCS_CMYK : JCS_YCCK);
	jpeg_set_quality(&j, atoi(argv[7]), FALSE);
	int blocks = 0;
	for (int i = 0; i < n; i++) {
		j.comp_info[i].h_samp_factor = factors[2 * i] - '0';
		j.comp_info[i].v_samp_factor = factors[2 * i + 1] - '0';
		blocks += j.comp_info[i].h_samp_factor * j.comp_info[i].v_samp_factor;
	}
	j.arith_code = process[0] == 'a';
	if (j.arith_code) process++;
	if (!strcmp(process, "progressive") && blocks <= 10) {
		jpeg_simple_progression(&j);
	} else if (!strcmp(process, "progressive") || !strcmp(process, "refined")) {
		for (int i = 0; i < n; i++) scan(i, 0, 0, 0, 2);
		for (int i = 0; i < n; i++) {
			scan(i, 1, 7 + i, 0, 3);
			scan(i, 8 + i, 63, 0, 3);
			for (int low = 2; low >= 0; low--) scan(i, 1, 63, low + 1, low);
			for (int low = 1; low >= 0; low--) scan(i, 0, 0, low + 1, low);
		}
	} else if (!strcmp(process, "split") || blocks > 10) {
		for (int i = 0; i < n; i++) scan(i, 0, 63, 0, 0);
	}
	if (count > 0) j.scan_info = scans, j.num_scans = count;
	j.restart_interval = atoi(argv[8]);
	FILE *f = fopen(argv[1], "wb");
	jpeg_stdio_dest(&j, f);
	jpeg_start_compress(&j, TRUE);
	unsigned char *row = malloc(j.image_width * n);
	srand(atoi(argv[9]));
	for (unsigned y = 0; y < j.image_height; y++) {
		for (unsigned x = 0; x < j.image_width; x++)
			for (int i = 0; i < n; i++) row[x * n + i] = (x / 7 + y / 5) % 2 ? 40 + rand() % 30 + 60 * i : x * 9 + y * 5 * i;
		jpeg_write_scanlines(&j, &row, 1);
	}
	jpeg_finish_compress(&j);
	return fclose(f) != 0;
}
