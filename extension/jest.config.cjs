module.exports = {
  testEnvironment: 'jsdom',
  roots: ['<rootDir>/src'],
  testMatch: ['**/__tests__/*.spec.ts', '**/__tests__/*.spec.tsx'],
  transform: {
    '\\.tsx?$': [
      'ts-jest',
      {
        tsconfig: {
          module: 'commonjs',
          moduleResolution: 'node',
          esModuleInterop: true,
          isolatedModules: true,
          jsx: 'react',
          target: 'ES2022',
          types: ['jest']
        }
      }
    ]
  },
  moduleNameMapper: {
    '\\.svg$': '<rootDir>/src/__tests__/svg.ts',
    '^@jupyterlab/ui-components$': '<rootDir>/src/__tests__/icons.ts'
  }
};
