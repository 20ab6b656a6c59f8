/**
 * The standalone page: the lab's components without JupyterLab around them.
 * The service serves the folder at /services/galley/static/.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rspack } from '@rspack/core';

const here = path.dirname(fileURLToPath(import.meta.url));
const scopeTheme = path.join(here, 'scripts', 'scope-theme.mjs');

/** A rule that makes a JupyterLab theme's variables hold only where `selector` matches. */
const theme = (name, selector) => ({
  test: new RegExp(`theme-${name}-extension/style/variables\\.css$`),
  type: 'css/global',
  use: [{ loader: scopeTheme, options: { selector } }]
});

export default {
  mode: 'production',
  devtool: false,
  context: here,
  entry: { galley: './src/standalone/index.tsx' },
  output: {
    path: path.join(here, 'galley_lab', 'standalone'),
    publicPath: '/services/galley/static/',
    filename: '[name].[contenthash:10].js',
    chunkFilename: '[name].[contenthash:10].js',
    cssFilename: '[name].[contenthash:10].css',
    assetModuleFilename: 'assets/[name].[contenthash:10][ext]',
    clean: true
  },
  resolve: {
    extensions: ['.tsx', '.ts', '.js'],
    fallback: { path: false, url: false, process: false }
  },
  module: {
    rules: [
      {
        oneOf: [
          theme('light', ":root:not([data-jp-theme-light='false'])"),
          theme('dark', ":root[data-jp-theme-light='false']"),
          { test: /\.css$/, type: 'css/global' },
          {
            test: /\.tsx?$/,
            loader: 'builtin:swc-loader',
            options: {
              jsc: {
                parser: { syntax: 'typescript', tsx: true },
                transform: { react: { runtime: 'classic' } },
                target: 'es2022'
              }
            }
          },
          { test: /\.svg$/, issuer: /\.css$/, type: 'asset' },
          { test: /\.svg$/, type: 'asset/source' },
          { test: /\.(woff2?|ttf|eot|png)$/, type: 'asset/resource' }
        ]
      },
      { test: /\.m?js$/, resolve: { fullySpecified: false } }
    ]
  },
  plugins: [
    new rspack.HtmlRspackPlugin({
      template: './src/standalone/index.html',
      scriptLoading: 'defer',
      minify: true
    }),
    new rspack.DefinePlugin({ 'process.env.NODE_ENV': '"production"', 'process.env': '{}' })
  ],
  optimization: {
    minimizer: [
      new rspack.SwcJsMinimizerRspackPlugin(),
      // For older browsers it would write `:is()` in a way that changes what wins.
      new rspack.LightningCssMinimizerRspackPlugin({
        minimizerOptions: { targets: ['chrome 111', 'firefox 113', 'safari 16.4'] }
      })
    ]
  },
  performance: { maxAssetSize: 1_500_000, maxEntrypointSize: 2_000_000 }
};
