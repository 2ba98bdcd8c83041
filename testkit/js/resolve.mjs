// Lets a script anywhere import the npm packages that are installed here: node --import <this file> script.mjs

import { register } from "node:module";

const hooks = `
  export async function resolve(specifier, context, next) {
    try {
      return await next(specifier, context);
    } catch (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
      return next(specifier, { ...context, parentURL: ${JSON.stringify(import.meta.url)} });
    }
  }
`;

register("data:text/javascript," + encodeURIComponent(hooks));
