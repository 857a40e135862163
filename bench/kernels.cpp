/* SPDX-License-Identifier: MIT */
/**
 * Every kernel that can run, on the shapes of the files in bench/shapes, with one thread and hot data.
 *
 * A line of a shapes file is a name and a geometry as cynf_geometry_print() writes it; views that are left out are plain NHWC.
 * Benchmarks are called <shape>/<kernel>; counters: GFLOP/s of useful operations, and bytes/s of weights and activations.
 */
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cynf/kernels.h"

namespace {

struct Free {
    void operator()(void *p) const { std::free(p); }
};
using Buffer = std::unique_ptr<float, Free>;

/* Small whole numbers: no denormals, no overflow. At least one element, 64-byte aligned. */
Buffer filled(size_t n)
{
    auto *p = static_cast<float *>(std::aligned_alloc(64, (n * sizeof(float) + 64) / 64 * 64));
    for (size_t i = 0; i < n; i++)
        p[i] = static_cast<float>(static_cast<int>(i * 2654435761u >> 28) - 8) / 8.0f;
    return Buffer(p);
}

void plain(cynf_view &v, int h, int w, int c)
{
    if (!v.ps)
        v = cynf_view{h * w * c, w * c, c, 0, c};
}

/* Views that the file left out. */
void complete(cynf_problem &p)
{
    const auto conv = [](cynf_conv2d &g) {
        plain(g.x, g.h, g.w, g.ic);
        plain(g.y, g.oh, g.ow, g.oc);
    };
    const auto dwconv = [](cynf_dwconv2d &g) {
        plain(g.x, g.h, g.w, g.c);
        plain(g.y, g.oh, g.ow, g.c * g.mult);
    };
    switch (p.op) {
    case CYNF_OP_CONV2D: conv(p.u.conv2d); break;
    case CYNF_OP_DWCONV2D: dwconv(p.u.dwconv2d); break;
    case CYNF_OP_SEPCONV2D:
        dwconv(p.u.sepconv2d.dw);
        conv(p.u.sepconv2d.pw);
        break;
    case CYNF_OP_POOL:
        plain(p.u.pool.x, p.u.pool.h, p.u.pool.w, p.u.pool.c);
        plain(p.u.pool.y, p.u.pool.oh, p.u.pool.ow, p.u.pool.c);
        break;
    case CYNF_OP_FC:
        p.u.fc.x_rs = p.u.fc.x_rs ? p.u.fc.x_rs : p.u.fc.k;
        p.u.fc.y_rs = p.u.fc.y_rs ? p.u.fc.y_rs : p.u.fc.n;
        break;
    default: break;
    }
}

void run(benchmark::State &state, const cynf_problem &p, const cynf_kernel *k)
{
    const void *g = &p.u;
    size_t count[4];
    cynf_geometry_weights(p.op, g, count);
    const Buffer w = filled(count[0]), bias = filled(count[1]), w2 = filled(count[2]), bias2 = filled(count[3]);
    const cynf_weights weights = {w.get(), bias.get(), w2.get(), bias2.get()};
    const size_t packed_bytes = cynf_kernel_packed_bytes(k, g);
    const Buffer packed = filled(packed_bytes / sizeof(float) + 1), workspace = filled(cynf_kernel_workspace_bytes(k, g, 1) / sizeof(float) + 1);
    cynf_kernel_pack(k, g, &weights, packed.get());
    std::vector<Buffer> x;
    cynf_args a = {};
    double bytes = static_cast<double>(packed_bytes) + 4.0 * static_cast<double>(cynf_geometry_extent(p.op, g, -1));
    for (int i = 0; i < cynf_geometry_inputs(p.op, g); i++) {
        x.push_back(filled(cynf_geometry_extent(p.op, g, i)));
        a.x[i] = x.back().get();
        bytes += 4.0 * static_cast<double>(cynf_geometry_extent(p.op, g, i));
    }
    const Buffer y = filled(cynf_geometry_extent(p.op, g, -1));
    a.packed = packed.get();
    a.y = y.get();
    a.workspace = workspace.get();
    for (auto _ : state) {
        for (int s = 0; s < cynf_kernel_stages(k, g); s++)
            cynf_kernel_run(k, g, s, &a, 0, 0, cynf_kernel_units(k, g, s));
        benchmark::ClobberMemory();
    }
    using benchmark::Counter;
    state.counters["FLOP/s"] = Counter(cynf_geometry_flops(p.op, g), Counter::kIsIterationInvariantRate, Counter::kIs1000);
    state.counters["bytes/s"] = Counter(bytes, Counter::kIsIterationInvariantRate, Counter::kIs1000);
}

/* False: the line cannot be read. */
bool add(const std::string &line)
{
    const size_t space = line.find(' ');
    auto p = std::make_shared<cynf_problem>();
    if (space == std::string::npos || !cynf_geometry_parse(line.c_str() + space + 1, p.get()))
        return false;
    complete(*p);
    const char *why = nullptr;
    if (!cynf_geometry_valid(p->op, &p->u, &why)) {
        std::fprintf(stderr, "cynf-bench: %s\n", why);
        return false;
    }
    std::vector<const cynf_kernel *> k(cynf_candidates(p->op, &p->u, cynf_machine_default(), nullptr, 0));
    cynf_candidates(p->op, &p->u, cynf_machine_default(), k.data(), k.size());
    for (const cynf_kernel *one : k)
        benchmark::RegisterBenchmark((line.substr(0, space) + "/" + cynf_kernel_name(one)).c_str(), [p, one](benchmark::State &s) { run(s, *p, one); })
            ->Unit(benchmark::kMicrosecond);
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    const char *mask_text = std::getenv("CYNF_CPU_MASK");
    unsigned mask;
    if (mask_text && !cynf_cpu_parse_mask(mask_text, &mask)) {
        std::fprintf(stderr, "cynf-bench: CYNF_CPU_MASK: unknown name in \"%s\"\n", mask_text);
        return 2;
    }
    if (mask_text)
        cynf_cpu_set_mask(mask);
    benchmark::Initialize(&argc, argv);
    std::vector<std::string> files(argv + 1, argv + argc);
    if (files.empty())
        for (const char *name : {"resnet50", "mobilenet", "small", "large_kernels", "dense"})
            files.push_back(std::string(CYNF_SHAPES "/") + name + ".txt");
    for (const auto &file : files) {
        std::ifstream in(file);
        if (!in) {
            std::fprintf(stderr, "cynf-bench: %s: cannot be read; arguments are benchmark options and shapes files\n", file.c_str());
            return 1;
        }
        int number = 0;
        for (std::string line; std::getline(in, line);) {
            number++;
            if (!line.empty() && line[0] != '#' && !add(line)) {
                std::fprintf(stderr, "cynf-bench: %s:%d: expected a name and a geometry, as cynf_geometry_print writes it\n", file.c_str(), number);
                return 1;
            }
        }
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
